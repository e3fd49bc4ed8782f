"""LoHa: W' = W + (α/r) (B₁A₁) ∘ (B₂A₂), ∘ entry by entry (Hyeon-Woo et al. 2021).

Two products of rank r, multiplied entry by entry (Hadamard product): the change has rank
up to r², for the 2 r (in + out) numbers of a LoRA of rank 2r. It is not a superset of that
LoRA. With G = ∂L/∂W' and s = α/r, and the same with 1 and 2 exchanged,

    ∂B₁ = s (G ∘ B₂A₂) A₁ᵀ,   ∂A₁ = s B₁ᵀ (G ∘ B₂A₂)

A₂ starts at zero, so the model is the base and only A₂ moves at first. The change has no
factored form: it is formed whole at every call. Yeh et al. 2023 (LyCORIS) named it.
"""

import math

from tinyft.nn import init
from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta
from tinyft.peft.layout import layout_of
from tinyft.peft.options import check_low_rank


class LoHa(Delta, kind="LOHA"):
    """W' = W + s (B₁A₁) ∘ (B₂A₂), s = α/r; A₁, A₂ (r, in), B₁, B₂ (out, r).

    Sites: Linear, and Conv2d with groups=1, its weight flat: (out, in·kh·kw).
    Raises ValueError for a rank below 1 or above the weight's, or α <= 0.
    """

    changes = ("weight",)
    formula, where = "W' = W + (α/r) (B₁A₁) ∘ (B₂A₂)", "Linear, Conv2d"
    counts, chapter = "2 r (in + out)", "16_loha_lokr"

    def __init__(self, r=8, alpha=8):
        alpha = check_low_rank("LoHa", r, alpha, 0.0)
        Delta.__init__(self, alpha=alpha)
        self.scale = alpha / r

    def fits(self, module):
        layout = layout_of(module)
        return layout is not None and not layout.lookup

    def check_site(self, path, module):
        layout_of(module).refuse_rank(f"LoHa at {path!r}", self.r)

    def build(self, module, rng):
        self.layout = layout_of(module)
        (rows, columns), dtype = self.layout.sides, self.layout.dtype
        self.B1, self.A1 = zeros((rows, self.r), dtype), zeros((self.r, columns), dtype)
        self.B2, self.A2 = zeros((rows, self.r), dtype), zeros((self.r, columns), dtype)
        for p in (self.B1, self.A1, self.B2):  # A2 stays zero
            init.kaiming_uniform_(p, math.sqrt(5), rng)

    def weight(self, W):
        change = (self.B1 @ self.A1) * (self.B2 @ self.A2)
        return W + self.scale * self.layout.weight(change)

    def extra_repr(self):
        return f"r={self.r}, alpha={self.alpha}"
