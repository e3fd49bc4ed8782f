"""PiSSA: LoRA that starts at the principal singular vectors (Meng, Wang, Zhang 2024).

    W = U S Vᵀ,   A₀ = (S_r/s)^½ V_rᵀ,   B₀ = U_r (S_r/s)^½,   s = α/r
    W' = W + s (B A − B₀ A₀),   A = A₀ and B = B₀ at the start

The paper writes W − s B₀A₀ into the base, which the disabled adapter then no longer gives
back (by 0.86 in Hugging Face PEFT). Here the base stays fixed and the delta keeps A₀, B₀,
so W' = W at the start and off is the base, bit for bit. Both factors have a gradient at
once. The file is a LoRA of rank 2r on the original base: s [B, −B₀] [A; A₀].
"""

from tinyft import backend, ops
from tinyft.nn.module import Buffer
from tinyft.peft.methods.lora import LoRA


class PiSSA(LoRA, kind="PISSA"):
    """W' = W + s (B A − B₀ A₀), with B₀ A₀ s the best rank-r approximation of W.

    Sites: Linear, Conv2d with groups=1 (its weight flat), Embedding (its transpose).
    Loading its file gives a LoRA of twice the rank: the same function.
    """

    formula, where = "W' = W + (α/r)(B A − B₀ A₀)", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out)", "15_lora"
    dropout, lora_bias = 0.0, False

    def __init__(self, r=8, alpha=8, rslora=False):
        super().__init__(r, alpha, rslora=rslora)

    def start(self, module, rng):
        W = self.layout.matrix(module.parameter("weight").data)
        U, S, Vt = backend.linalg_of("PiSSA", W).svd(W, full_matrices=False)
        root = (S[: self.r] / self.scale) ** 0.5
        self.A.data = (root[:, None] * Vt[: self.r]).reshape(self.A.shape)
        self.B.data = (U[:, : self.r] * root).reshape(self.B.shape)
        self.A0, self.B0 = (Buffer(p.data, dtype=p.dtype) for p in (self.A, self.B))

    def weight(self, W):
        now = self.layout.change(self.A, self.B)
        return W + self.scale * (now - self.layout.change(self.A0, self.B0))

    def output(self, x, y):
        now = self.layout.low(x, self.A, self.B)
        return y + self.scale * (now - self.layout.low(x, self.A0, self.B0))

    def stacked(self):
        """A and B of the LoRA of rank 2r that it is."""
        A = ops.concatenate([self.A, self.A0], axis=0)
        return A, ops.concatenate([self.B, -self.B0], axis=1)

    def factors(self):
        A, B = (p.reshape((len(p), -1)) for p in self.stacked())
        return A, self.scale * B
