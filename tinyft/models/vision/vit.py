"""ViT: a Transformer's encoder on the patches of an image (Dosovitskiy et al. 2021).

    tokens    [cls, E p₁, ..., E p_N] + positions    p_i: patch × patch pixels, in rows
    blocks    pre-norm:  x = x + attn(norm(x));  x = x + mlp(norm(x));  a last norm
    logits    W norm(x)_cls + b

E is a convolution whose stride is its size. The blocks are the Transformer's own: what
adapts them there, `attn.q`, `mlp.up`, adapts them here.
"""

import math
from dataclasses import asdict, dataclass, replace

from tinyft import nn, ops
from tinyft.models.config import TransformerConfig
from tinyft.models.transformer import Block, norm_layer
from tinyft.nn.shape import pair, positive, zeros
from tinyft.ops.operands import wrap


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a ViT; the defaults are ViT-B/16 for ImageNet."""

    image: int | tuple = 224  # height and width, which the positions are made for
    patch: int | tuple = 16
    channels: int = 3
    dim: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int | None = None  # of the mlp; None: 4 dim
    classes: int = 1000  # 0: no head, the model returns the features
    activation: str = "gelu"
    eps: float = 1e-12
    dropout: float = 0.0

    def __post_init__(self):
        name = "ViTConfig"
        positive(name, channels=self.channels, dim=self.dim, heads=self.heads)
        if self.classes:
            positive(name, classes=self.classes)
        for size, patch in zip(pair(self.image), pair(self.patch)):
            positive(name, image=size, patch=patch)
            if size % patch:
                raise ValueError(
                    f"ViTConfig: patch={self.patch} must divide image={self.image}"
                )
        self.blocks()  # checks the rest

    def blocks(self):
        """The TransformerConfig that the blocks are made from."""
        return TransformerConfig(
            vocab=1,
            dim=self.dim,
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
            positions="none",
            activation=self.activation,
            causal=False,
            head="none",
            eps=self.eps,
            dropout=self.dropout,
        )

    @property
    def grid(self):
        """Patches along the height and the width."""
        return tuple(a // b for a, b in zip(pair(self.image), pair(self.patch)))

    def to_dict(self):
        """As a plain dict, for checkpoint headers."""
        return asdict(self)


def vit(rng=None, dtype=None, **changes):
    """ViT-B/16, 86,567,656 parameters. changes: fields of ViTConfig."""
    return ViT(replace(ViTConfig(), **changes), rng, dtype)


def vit_tiny(rng=None, dtype=None, **changes):
    """A ViT for 8×8 digits: patches of 2×2, so 16 tokens, 3 layers of width 64."""
    small = {"image": 8, "patch": 2, "channels": 1, "dim": 64, "layers": 3, "heads": 4}
    return vit(rng, dtype, **{**small, "hidden": 128, "classes": 10, **changes})


class ViT(nn.Module):
    """config: a ViTConfig, or a model whose shape to take.

    Images (N, channels, height, width) of the config's size to logits (N, classes), or
    to features (N, dim) with classes=0. Google's weights want data.normalised(x, "half").
    """

    def __init__(self, config=None, rng=None, dtype=None):
        config = config or ViTConfig()
        self.config = config = getattr(config, "config", config)
        rng, blocks = nn.init.seeded(rng), config.blocks()
        with nn.init.skipped():  # _initialise draws all values
            self.patch = nn.Conv2d(
                config.channels, config.dim, pair(config.patch), pair(config.patch),
                rng=rng, dtype=dtype,
            )  # fmt: skip
            self.cls = zeros((1, 1, config.dim), dtype)
            places = 1 + math.prod(config.grid)
            self.position = zeros((1, places, config.dim), dtype)
            self.drop = nn.Dropout(config.dropout, rng)
            self.blocks = nn.ModuleList(
                Block(blocks, None, rng, dtype) for _ in range(config.layers)
            )
            self.norm = norm_layer(blocks, dtype)
            self.head = nn.Identity()
            if config.classes:
                self.head = nn.Linear(config.dim, config.classes, True, rng, dtype)
        self._initialise(rng)

    def _initialise(self, rng):
        """N(0, 0.02²), as in GPT-2: what writes to the residual is divided by
        sqrt(2 layers)."""
        for name, p in self.named_parameters():
            if p.ndim > 1:
                writes = name.endswith(("attn.o.weight", "mlp.down.weight"))
                shrink = (2 * self.config.layers) ** -0.5 if writes else 1.0
                nn.init.normal_(p, 0.0, 0.02 * shrink, rng)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, x):
        return self.head(self.features(x))

    def features(self, x):
        """The class token after the last norm (N, dim), which the head reads."""
        return self.states(x)[:, 0]

    def states(self, x):
        """All tokens after the last norm (N, 1 + patches, dim), the class token first."""
        self._check(x)
        x = self.patch(x)  # (N, C, rows, columns)
        N, C, rows, columns = x.shape
        x = ops.transpose(ops.reshape(x, (N, C, rows * columns)), (0, 2, 1))
        first = ops.broadcast_to(self.cls, (N, 1, C))
        x = self.drop(ops.concatenate([first, x], axis=1) + self.position)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def _check(self, x):
        wanted = (self.config.channels, *pair(self.config.image))
        if wrap(x).ndim != 4 or x.shape[1:] != wanted:
            raise ValueError(
                f"ViT: expected images (N, {', '.join(map(str, wanted))}), got "
                f"{tuple(x.shape)}; the positions were learned for this size, and they "
                "are not interpolated: resize the images"
            )

    def extra_repr(self):
        c = self.config
        return f"image={c.image}, patch={c.patch}, dim={c.dim}, layers={c.layers}"
