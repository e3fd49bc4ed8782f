"""LoRA: W' = W + (α/r) B A, with A r×in random and B out×r zero (Hu et al. 2021).

At the start B = 0, so the model is the base. Rank r costs r (in + out) numbers in place of
in·out. rsLoRA scales by α/sqrt(r) (Kalajdzievski 2023). Layouts, as Hugging Face PEFT:

    Linear     A (r, in),          B (out, r):         ΔW = s B A
    Conv2d     A (r, in, kh, kw),  B (out, r, 1, 1):   ΔW = s B A over the channels
    Embedding  A (r, V) zero,      B (d, r) random:    ΔW = s (B A)ᵀ
"""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Parameter
from tinyft.nn.shape import choice, zeros
from tinyft.peft.methods.full import Full
from tinyft.peft.methods.lowrank import LowRank


class LoRA(LowRank, kind="LORA"):
    """W' = W + s B A, s = α/r, or α/sqrt(r) with `rslora`.

    dropout acts on the input of A only, while training (a merged weight has none).
    lora_bias: a trained b beside B, bias' = bias + s b. bias: "lora_only" trains copies of
    the sites' biases, "all" those of every other layer too.
    Sites: Linear, Conv2d with groups=1, Embedding. Raises ValueError for a rank below 1 or
    above the matrix's (unless `wide`, which files and combinations need), α <= 0, dropout
    outside [0, 1), or a lora_bias where there is no bias.
    """

    formula, where = "W' = W + (α/r) B A", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out)", "15_lora"

    def __init__(
        self,
        r=8,
        alpha=8,
        dropout=0.0,
        rslora=False,
        lora_bias=False,
        bias="none",
        wide=False,
    ):
        choice("LoRA", ("none", "lora_only", "all"), bias=bias)
        super().__init__(
            r, alpha, rslora, dropout=dropout, lora_bias=lora_bias, bias=bias, wide=wide
        )

    def build(self, module, rng):
        super().build(module, rng)
        bias = module._parameters.get("bias")
        if self.lora_bias and bias is None:
            raise ValueError(
                f"LoRA(lora_bias=True): {self.path!r} has no bias to change"
            )
        if self.lora_bias:
            self.b = zeros(bias.shape, bias.dtype)
        if self.options["bias"] != "none" and bias is not None:
            self.full_bias = Parameter(bias.data, dtype=bias.dtype)
        if self.lora_bias or "full_bias" in self._parameters:
            self.changes = ("weight", "bias")

    def companions(self, model, sites):
        if self.options["bias"] != "all":
            return {}
        modules = [(p, m) for p, m in model.named_modules() if p not in sites]
        held = [p for p, m in modules if m._parameters.get("bias") is not None]
        return {path: Full(only=("bias",)) for path in held}

    def change(self, name, value):
        if name == "weight":
            return self.weight(value)
        value = self._parameters.get("full_bias", value)
        return value + self.scale * self.b if self.lora_bias else value

    def output(self, x, y):
        if self.dropout and self.training and self.layer != "embedding":
            x = ops.dropout(x, self.dropout, init.generator(self.rng), True)
        y = y + self.scale * self.low(x, self.A, self.B)
        if "bias" not in self.changes:
            return y
        bias = self.site.parameter("bias")
        change = self.change("bias", bias) - bias
        return y + (ops.reshape(change, (-1, 1, 1)) if self.layer == "conv" else change)

    def file_names(self):
        names = super().file_names()
        names |= {"b": "lora_B.bias"} if self.lora_bias else {}
        return names | (
            {"full_bias": "base_layer.bias"} if "full_bias" in self._parameters else {}
        )

    def to_config(self, deltas):
        return super().to_config(deltas) | {
            "lora_dropout": self.dropout,
            "lora_bias": self.lora_bias,
            "bias": self.options["bias"],
        }

    @classmethod
    def reads(cls, config):
        return config.get("peft_type") == "LORA" and not config.get("use_dora")

    @classmethod
    def from_config(cls, config):
        return cls(
            config.get("r", 8),
            config.get("lora_alpha", 8),
            config.get("lora_dropout", 0.0),
            config.get("use_rslora", False),
            config.get("lora_bias", False),
            config.get("bias", "none"),
            wide=True,
        )
