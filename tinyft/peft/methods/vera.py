"""VeRA: W' = W + diag(λ_b) B diag(λ_d) A, A and B random and shared (Kopiczko 2023).

A (r, widest in) and B (widest out, r) are drawn once, never trained, and shared: a layer
takes their first columns and rows. λ_d (r) is 0.1 and λ_b (out) zero at the start, so the
model is the base. A layer trains r + out numbers, whatever its width.
"""

from tinyft import nn, ops
from tinyft.nn import init
from tinyft.nn.module import Buffer
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.options import check_dropout


class VeRA(Delta, kind="VERA"):
    """W' = W + λ_b ∘ (B[:out] (λ_d ∘ A[:, :in])). Sites: Linear.

    A and B are U(±sqrt(6/fan_in)) from `seed`; the file holds them (PEFT draws its own by
    projection_prng_key, so a file without them cannot be read).
    Raises ValueError for a rank below 1 or dropout outside [0, 1).
    """

    changes, factored = ("weight",), True
    formula, where = "W' = W + diag(λ_b) B diag(λ_d) A", "Linear"
    counts, chapter = "r + out; A and B stored once", "15_lora"

    def __init__(self, r=256, d_initial=0.1, dropout=0.0, seed=0):
        positive("VeRA", r=r)
        check_dropout("VeRA", dropout)

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def prepare(self, model, sites, rng):
        specs = [m.weight_spec("weight") for m in sites.values()]
        rows, columns = (max(spec[0][i] for spec in specs) for i in (0, 1))
        rng, dtype = init.generator(self.seed), specs[0][1]
        shared = {}
        for name, shape in (("A", (self.r, columns)), ("B", (rows, self.r))):
            drawn = init.kaiming_uniform_(zeros(shape, dtype), 0.0, rng)
            shared[name] = Buffer(drawn.data, dtype=dtype)
        return shared

    def build(self, module, rng):
        (out, columns), dtype, _ = module.weight_spec("weight")
        self.A, self.B, self.rng = self.shared["A"], self.shared["B"], rng
        self.sides = out, columns
        self.lambda_d, self.lambda_b = zeros((self.r,), dtype), zeros((out,), dtype)
        self.lambda_d.data += self.d_initial

    def factors(self):
        """A (r, in) and B (out, r) with their diagonals: ΔW = B A."""
        out, columns = self.sides
        A = ops.expand_dims(self.lambda_d, 1) * self.A[:, :columns]
        return A, ops.expand_dims(self.lambda_b, 1) * self.B[:out]

    def weight(self, W):
        A, B = self.factors()
        return W + B @ A

    def output(self, x, y):
        A, B = self.factors()
        if self.dropout and self.training:
            x = ops.dropout(x, self.dropout, init.generator(self.rng), True)
        return y + ops.linear(ops.linear(x, A), B)
