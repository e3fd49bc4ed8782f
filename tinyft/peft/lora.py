"""LoRA: W' = W + (α/r) B A, with A r×in random and B out×r zero (Hu et al. 2021).

At the start B = 0, so the model is the base. Rank r costs r (in + out) numbers in place of
in·out. rsLoRA scales by α/sqrt(r) (Kalajdzievski 2023). Layouts, as Hugging Face PEFT:

    Linear     A (r, in),          B (out, r):         ΔW = s B A
    Conv2d     A (r, in, kh, kw),  B (out, r, 1, 1):   ΔW = s B A over the channels
    Embedding  A (r, V) zero,      B (d, r) random:    ΔW = s (B A)ᵀ
"""

import math

from tinyft import nn, ops
from tinyft.nn import init
from tinyft.nn.module import Parameter
from tinyft.nn.shape import empty
from tinyft.peft.delta import Delta


class LoRA(Delta, kind="LORA"):
    """W' = W + s B A, s = α/r, or α/sqrt(r) with `rslora`.

    dropout acts on the input of A only, while training. Sites: Linear, Conv2d with
    groups=1, Embedding. Raises ValueError for a rank below 1 or above the matrix's, α <= 0,
    or dropout outside [0, 1).
    """

    changes, additive = ("weight",), True

    def __init__(self, r=8, alpha=8, dropout=0.0, rslora=False):
        if not isinstance(r, int) or r < 1:
            raise ValueError(f"LoRA: the rank r must be a positive integer, got {r!r}")
        if not alpha > 0:
            raise ValueError(f"LoRA: alpha must be positive, got {alpha!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"LoRA: dropout must be in [0, 1), got {dropout!r}")
        super().__init__(r=r, alpha=alpha, dropout=dropout, rslora=rslora)
        self.scale = alpha / (math.sqrt(r) if rslora else r)

    def fits(self, module):
        if isinstance(module, nn.Conv2d):
            return module.groups == 1
        return isinstance(module, (nn.Linear, nn.Embedding))

    def build(self, module, rng):
        W = module.parameter("weight")
        self.layer, self.rng = _layer(module), rng
        rows, columns = W.shape[0], math.prod(W.shape[1:])
        if self.r > min(rows, columns):
            raise ValueError(
                f"LoRA at {self.path!r}: rank {self.r} is above the rank of its "
                f"{rows}×{columns} weight, at most {min(rows, columns)}"
            )
        A, B = _shapes(self.layer, self.r, W.shape)
        self.A, self.B = Parameter(empty(A, W.dtype)), Parameter(empty(B, W.dtype))
        if self.layer == "embedding":
            init.normal_(self.B, rng=rng)
        else:
            init.kaiming_uniform_(self.A, math.sqrt(5), rng)
        if self.layer == "conv":
            self.stride, self.padding = module.stride, module.padding

    def product(self):
        """B A as a matrix: (out, in) for Linear, (out, in·kh·kw) for Conv2d, (d, V)."""
        B, A = self.B, self.A
        return ops.reshape(B, (B.shape[0], self.r)) @ ops.reshape(A, (self.r, -1))

    def weight(self, W):
        change = self.scale * self.product()
        if self.layer == "embedding":
            return W + change.T
        return W + ops.reshape(change, W.shape)

    def output(self, x, y):
        if self.layer == "embedding":
            return y + self.scale * ops.linear(ops.embedding(x, self.A.T), self.B)
        if self.dropout and self.training:
            x = ops.dropout(x, self.dropout, init.generator(self.rng), True)
        if self.layer == "conv":
            low = ops.conv2d(x, self.A, None, self.stride, self.padding)
            return y + self.scale * ops.conv2d(low, self.B)
        return y + self.scale * ops.linear(ops.linear(x, self.A), self.B)

    def extra_repr(self):
        return f"r={self.r}, alpha={self.alpha}"

    def file_names(self, module):
        if _layer(module) == "embedding":
            return {"A": "lora_embedding_A", "B": "lora_embedding_B"}
        return {"A": "lora_A.weight", "B": "lora_B.weight"}

    def to_config(self):
        return {
            "r": self.r,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "use_rslora": self.rslora,
            "fan_in_fan_out": False,
            "bias": "none",
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            r=config.get("r", 8),
            alpha=config.get("lora_alpha", 8),
            dropout=config.get("lora_dropout", 0.0),
            rslora=config.get("use_rslora", False),
        )


def _layer(module):
    kinds = {"conv": nn.Conv2d, "embedding": nn.Embedding, "linear": nn.Linear}
    return next(name for name, kind in kinds.items() if isinstance(module, kind))


def _shapes(layer, r, weight):
    """Shapes of A and B for a weight of this shape."""
    if layer == "embedding":
        V, d = weight
        return (r, V), (d, r)
    ones = (1,) * (len(weight) - 2)
    return (r, *weight[1:]), (weight[0], r, *ones)
