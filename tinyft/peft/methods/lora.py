"""LoRA: W' = W + (α/r) B A, with A r×in random and B out×r zero (Hu et al. 2021).

At the start B = 0, so the model is the base. Rank r costs r (in + out) numbers instead of
in·out. rsLoRA scales by α/sqrt(r) (Kalajdzievski 2023). Layouts of A and B: layout.py.
"""

import math

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.shape import choice, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.layout import layout_of
from tinyft.peft.methods.bitfit import trained_biases
from tinyft.peft.options import check_low_rank


class LoRA(Delta, kind="LORA"):
    """W' = W + s B A, s = α/r, or α/sqrt(r) with `rslora`.

    dropout acts on the input of A only, while training (a merged weight has none).
    lora_bias: a trained b beside B, bias' = bias + s b. bias: "lora_only" trains copies of
    the sites' biases, "all" the biases of every other layer too.
    Sites: Linear, Conv2d with groups=1, Embedding. Raises ValueError for a rank below 1 or
    above the matrix's, α <= 0, dropout outside [0, 1), or lora_bias without a bias.
    """

    changes, factored = ("weight",), True
    formula, where = "W' = W + (α/r) B A", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out)", "15_lora"

    def __init__(
        self, r=8, alpha=8, dropout=0.0, rslora=False, lora_bias=False, bias="none"
    ):
        choice("LoRA", ("none", "lora_only", "all"), bias=bias)
        alpha = check_low_rank(type(self).__name__, r, alpha, dropout)
        Delta.__init__(self, alpha=alpha)
        self.scale = alpha / (math.sqrt(r) if rslora else r)

    def fits(self, module):
        return layout_of(module) is not None

    def check_site(self, path, module):
        layout_of(module).refuse_rank(f"{type(self).__name__} at {path!r}", self.r)

    def build(self, module, rng):
        self.layout, self.rng = layout_of(module), rng
        A, B = self.layout.factors(self.r)
        self.A, self.B = zeros(A, self.layout.dtype), zeros(B, self.layout.dtype)
        self.start(module, rng)

    def start(self, module, rng):
        """A is U(±1/sqrt(in)) and B zero; for an Embedding A is zero and B N(0, 1)."""
        if self.layout.lookup:
            init.normal_(self.B, rng=rng)
        else:
            init.kaiming_uniform_(self.A, math.sqrt(5), rng)

    def weight(self, W):
        return W + self.scale * self.layout.change(self.A, self.B)

    def output(self, x, y):
        return y + self.scale * self.layout.low(self.drop(x), self.A, self.B)

    def drop(self, x):
        """Dropout on the input of A, while training; token ids have none."""
        if not self.dropout or not self.training or self.layout.lookup:
            return x
        return ops.dropout(x, self.dropout, init.generator(self.rng), True)

    def factors(self):
        """(A, B) as matrices with ΔW = B A, the scale included: for combinations."""
        A, B = (p.reshape((len(p), -1)) for p in (self.A, self.B))
        return A, self.scale * B

    def companions(self, model, deltas):
        return trained_biases(model, deltas, self.options)

    def extra_repr(self):
        return f"r={self.r}, alpha={self.alpha}"
