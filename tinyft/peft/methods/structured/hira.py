"""HiRA: W' = W + W ∘ (B A), with W the frozen base (Huang et al. 2025).

A LoHa with one factor fixed at W: each entry of W is scaled by 1 + (B A), so the change
has rank up to r · rank W for the r (in + out) numbers of a LoRA, and an entry of W that is
zero never moves. With G = ∂L/∂W':

    ∂B = (G ∘ W) Aᵀ,   ∂A = Bᵀ (G ∘ W)

W is the base's own array, whatever else acts on the site: with the updated W each step
would scale the last one's result. The change is formed whole at every call.
"""

import math

from tinyft.nn import init
from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta
from tinyft.peft.layout import layout_of
from tinyft.peft.options import check_low_rank


class HiRA(Delta, kind="HIRA"):
    """W' = W + W ∘ (B A); A (r, in) random, B (out, r) zero, layouts as LoRA's.

    There is no α: the scale is W's own. Sites: Linear, Conv2d with groups=1, Embedding.
    Raises ValueError for a rank below 1 or above the weight's.
    """

    changes = ("weight",)
    formula, where = "W' = W + W ∘ (B A)", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out)", "16_loha_lokr"

    def __init__(self, r=32):
        check_low_rank("HiRA", r, 1, 0.0)

    def fits(self, module):
        return layout_of(module) is not None

    def check_site(self, path, module):
        layout_of(module).refuse_rank(f"HiRA at {path!r}", self.r)

    def build(self, module, rng):
        self.layout = layout_of(module)
        A, B = self.layout.factors(self.r)
        self.A, self.B = zeros(A, self.layout.dtype), zeros(B, self.layout.dtype)
        if self.layout.lookup:
            init.normal_(self.B, rng=rng)
        else:
            init.kaiming_uniform_(self.A, math.sqrt(5), rng)

    def weight(self, W):
        frozen = self.site.parameter("weight")
        return W + frozen * self.layout.change(self.A, self.B)

    def extra_repr(self):
        return f"r={self.r}"
