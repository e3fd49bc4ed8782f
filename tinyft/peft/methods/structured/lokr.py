"""LoKr: W' = W + (α/r) W₁ ⊗ W₂, a Kronecker product (Yeh et al. 2023, Edalati et al. 2022).

W₁ is l×m and W₂ k×n with l k = out and m n = in: the change is a grid of l×m blocks, each
a multiple of W₂. It costs l m + k n numbers, and rank ΔW = rank W₁ · rank W₂ may be full:
LoKr is not a low-rank method. A row x of n·m inputs, written as X (m, n), gives W₁ X W₂ᵀ,
so the big matrix is never formed. `factor` sets l and m: see `split` in kronecker.py.

Where r < max(k, n)/2, W₂ is itself a product of rank r; with `decompose_both` so is W₁
where r < max(l, m)/2. Otherwise r only divides α. W₁ (its first part) starts at zero.
"""

import math

from tinyft.nn import init
from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta
from tinyft.peft.layout import layout_of
from tinyft.peft.methods.structured.kronecker import kron, split
from tinyft.peft.options import check_factor, check_low_rank


class LoKr(Delta, kind="LOKR"):
    """W' = W + s W₁ ⊗ W₂, s = α/r. A larger factor gives fewer parameters, up to √out.

    Sites: Linear, and Conv2d with groups=1, where W₂ has the kernel. Raises ValueError
    for a rank below 1 or above the weight's, α <= 0, or a factor that does not divide
    both out and in (-1: the divisor nearest the root, for each).
    """

    changes, factored = ("weight",), True
    formula, where = "W' = W + (α/r) W₁ ⊗ W₂", "Linear, Conv2d"
    counts, chapter = "l m + k n, or r (k + n)", "16_loha_lokr"

    def __init__(self, r=8, alpha=8, factor=-1, decompose_both=False):
        alpha = check_low_rank("LoKr", r, alpha, 0.0)
        check_factor("LoKr", factor)
        Delta.__init__(self, alpha=alpha)
        self.scale = alpha / r

    def fits(self, module):
        layout = layout_of(module)
        return layout is not None and not layout.lookup

    def check_site(self, path, module):
        layout = layout_of(module)
        layout.refuse_rank(f"LoKr at {path!r}", self.r)
        check_factor(f"LoKr at {path!r}", self.factor, layout.shape[:2])

    def build(self, module, rng):
        self.layout = layout_of(module)
        out, inp, *kernel = self.layout.shape
        (l, k), (m, n) = split(out, self.factor), split(inp, self.factor)
        whole = not self.decompose_both
        self._half("w1", (l, m), whole or self.r >= max(l, m) / 2, rng)
        self._half("w2", (k, n, *kernel), self.r >= max(k, n) / 2, rng)
        init.zeros_(next(self.parameters()))

    def _half(self, name, shape, whole, rng):
        """One of the two matrices, whole or as a product of rank r."""
        pair = (shape[0], self.r), (self.r, math.prod(shape[1:]))
        parts = {name: shape} if whole else dict(zip((f"{name}_a", f"{name}_b"), pair))
        for part, size in parts.items():
            p = init.kaiming_uniform_(zeros(size, self.layout.dtype), math.sqrt(5), rng)
            setattr(self, part, p)
        setattr(self, f"{name}_shape", shape)

    def half(self, name):
        """W₁ ("w1", (l, m)) or W₂ ("w2", (k, n), with a convolution's kernel)."""
        whole = getattr(self, name, None)
        if whole is not None:
            return whole
        product = getattr(self, f"{name}_a") @ getattr(self, f"{name}_b")
        return product.reshape(getattr(self, f"{name}_shape"))

    def weight(self, W):
        return W + self.scale * kron(self.half("w1"), self.half("w2"))

    def output(self, x, y):
        return y + self.scale * self.layout.kron(x, self.half("w1"), self.half("w2"))
