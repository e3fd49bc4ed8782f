"""DoRA: magnitude and direction apart, W' = m V/‖V‖, V = W + (α/r) B A (Liu et al. 2024).

    ‖V‖ is the norm of each row (output; of an Embedding, as in PEFT, of each feature over
    the vocabulary), m = ‖W‖ at the start, so W' = W.
    With g = ∂L/∂w for a row w = m v/‖v‖:
        ∂m = g·v/‖v‖,   ∂v = (m/‖v‖) (I − v vᵀ/‖v‖²) g        exact      (detach=False)
                        ∂v = (m/‖v‖) g                        the paper's 4.3, and PEFT's

Treating ‖V‖ as a constant saves memory and changes the gradient: the exact one is
orthogonal to v, so rows can only grow; the detached one is not.
"""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Parameter
from tinyft.peft.methods.lowrank import LowRank


class DoRA(LowRank, kind="DORA"):
    """W' = m V/‖V‖, V = W + s B A; r, alpha, rslora as LoRA's. Adds one number an output.

    detach: ‖V‖ counts as a constant in backward (the paper and PEFT), or not.
    dropout: acts on the input of the whole change, not of A alone, as in PEFT
    (huggingface/peft#1474); while it does, DoRA must be alone on its site.
    """

    peft_type, additive = "LORA", False
    formula, where = "W' = m V/‖V‖, V = W + (α/r) B A", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out) + out", "15_lora"

    def __init__(
        self, r=8, alpha=8, dropout=0.0, rslora=False, detach=True, wide=False
    ):
        super().__init__(r, alpha, rslora, dropout=dropout, detach=detach, wide=wide)

    def build(self, module, rng):
        super().build(module, rng)
        m = self.norm(super().weight(module.parameter("weight"))).data
        shape = (1, -1, 1, 1) if self.layer == "conv" else (-1,)
        self.m = Parameter(m.reshape(shape), dtype=m.dtype)

    def weight(self, W):
        V = super().weight(W)
        ratio = self.ratio(V)
        if self.layer == "embedding":
            return V * ratio
        return V * ops.reshape(ratio, (-1,) + (1,) * (V.ndim - 1))

    def norm(self, V):
        """‖V‖ of each output."""
        axes = (0,) if self.layer == "embedding" else tuple(range(1, V.ndim))
        return ops.sqrt((V * V).sum(axis=axes))

    def ratio(self, V):
        """m/‖V‖, in the shape of m."""
        norm = ops.reshape(self.norm(V), self.m.shape)
        return self.m / (norm.detach() if self.detach else norm)

    def train(self, training=True):
        super().train(training)
        dropping = (
            training and self.dropout and getattr(self, "layer", "") != "embedding"
        )
        self.additive = bool(dropping)  # only the factored way can drop inputs
        return self

    def output(self, x, y):
        W = self.site.parameter("weight")
        x = ops.dropout(x, self.dropout, init.generator(self.rng), self.training)
        ratio = self.ratio(super().weight(W))
        return (
            y
            + (ratio - 1) * self.plain(x, W)
            + ratio * self.scale * self.low(x, self.A, self.B)
        )

    def file_names(self):
        return super().file_names() | {"m": "lora_magnitude_vector"}

    def to_config(self, deltas):
        return super().to_config(deltas) | {
            "use_dora": True,
            "lora_dropout": self.dropout,
        }

    @classmethod
    def reads(cls, config):
        return config.get("peft_type") == "LORA" and bool(config.get("use_dora"))

    @classmethod
    def from_config(cls, config):
        if config.get("lora_bias") or config.get("bias", "none") != "none":
            raise ValueError(
                f"peft.load: DoRA with trained biases is not read (bias="
                f"{config.get('bias')!r}, lora_bias={config.get('lora_bias', False)!r})"
            )
        return cls(
            config.get("r", 8),
            config.get("lora_alpha", 8),
            config.get("lora_dropout", 0.0),
            config.get("use_rslora", False),
            wide=True,
        )
