"""MiSS: y += Dᵀ (x₁ + x₂ + …), the input cut into pieces of r and summed (Kang 2024).

    W' = W + Dᵀ [I I … I]        D (r, out); the last piece cut off where r does not divide

That is a LoRA with s = 1, B = Dᵀ trained and A = [I … I] fixed: half the numbers of a LoRA
of rank r, one of its two matrices for nothing. The loss is convex in D where it is convex
in W'. A Aᵀ = (in/r) I is larger than that of LoRA's random A: take a smaller rate. PEFT's
variants "bat" and "mini" are other functions.
"""

from tinyft import backend, nn, ops
from tinyft.nn import init
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.options import check_dropout


class MiSS(Delta, kind="MISS"):
    """W'[o, i] = W[o, i] + D[i mod r, o]; D (r, out) starts at zero.

    dropout acts on the input of D only, while training. Sites: Linear. Raises ValueError
    for a rank below 1 or above the number of inputs, or dropout outside [0, 1).
    """

    changes, factored = ("weight",), True
    formula, where = "W' = W + Dᵀ [I … I]", "Linear"
    counts, chapter = "r · out", "16_loha_lokr"

    def __init__(self, r=8, dropout=0.0):
        positive("MiSS", r=r)
        check_dropout("MiSS", dropout)

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def check_site(self, path, module):
        if self.r > module.in_features:
            raise ValueError(
                f"MiSS at {path!r}: rank {self.r} is above its {module.in_features} "
                "inputs, which are cut into pieces of that size; take a smaller r"
            )

    def build(self, module, rng):
        (out, self.width), dtype, _ = module.weight_spec("weight")
        self.D, self.rng = zeros((self.r, out), dtype), rng

    def weight(self, W):
        copies = -(-self.width // self.r)
        return W + ops.concatenate([self.D.T] * copies, axis=1)[:, : self.width]

    def output(self, x, y):
        if self.dropout and self.training:
            x = ops.dropout(x, self.dropout, init.generator(self.rng), True)
        whole = self.width - self.width % self.r
        pieces = x[..., :whole].reshape((*x.shape[:-1], -1, self.r))
        y = y + ops.linear(pieces.sum(axis=-2), self.D.T)
        rest = self.width - whole
        return y + ops.linear(x[..., whole:], self.D[:rest].T) if rest else y

    def factors(self):
        """(A, B) of the LoRA it is: A = [I … I] (r, in), B = Dᵀ, s = 1."""
        eye = backend.xp_of(self.D.data).eye(self.r, dtype=self.D.dtype)
        A = ops.concatenate([eye] * -(-self.width // self.r), axis=1)
        return A[:, : self.width], self.D.T
