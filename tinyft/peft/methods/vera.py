"""VeRA: W' = W + diag(λ_b) B diag(λ_d) A, A and B random and shared (Kopiczko 2023).

A (r, widest in) and B (widest out, r) are drawn once, never trained, and shared: a layer
takes their first columns and rows. λ_d (r) is 0.1 and λ_b (out) zero at the start, so the
model is the base. A layer trains r + out numbers, whatever its width.
"""

from tinyft import nn, ops
from tinyft.nn import init
from tinyft.nn.module import Buffer
from tinyft.nn.shape import empty, positive, zeros
from tinyft.peft.delta import PREFIX, Delta
from tinyft.peft.methods.lowrank import check_dropout

SHARED = PREFIX.removesuffix("model.")  # the shared matrices stand above the model


class VeRA(Delta, kind="VERA"):
    """W' = W + λ_b ∘ (B[:out] (λ_d ∘ A[:, :in])). Sites: Linear.

    A and B are U(±sqrt(6/fan_in)) from `seed`; the file holds them (PEFT draws its own by
    projection_prng_key, so a file without them can not be read).
    Raises ValueError for a rank below 1 or dropout outside [0, 1).
    """

    changes, additive = ("weight",), True
    formula, where = "W' = W + diag(λ_b) B diag(λ_d) A", "Linear"
    counts, chapter = "r + out; A and B stored once", "15_lora"

    def __init__(self, r=256, d_initial=0.1, dropout=0.0, seed=0):
        positive("VeRA", r=r)
        check_dropout("VeRA", dropout)
        super().__init__(r=r, d_initial=d_initial, dropout=dropout, seed=seed)

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def prepare(self, model, sites, rng):
        weights = [m.parameter("weight") for m in sites.values()]
        rows, columns = (max(w.shape[i] for w in weights) for i in (0, 1))
        rng, dtype = init.generator(self.seed), weights[0].dtype
        shared = {}
        for name, shape in (("A", (self.r, columns)), ("B", (rows, self.r))):
            shared[name] = Buffer(empty(shape, dtype), dtype=dtype)
            init.kaiming_uniform_(shared[name], 0.0, rng)
        return shared

    def build(self, module, rng):
        W = module.parameter("weight")
        self.A, self.B, self.rng = self.shared["A"], self.shared["B"], rng
        self.lambda_d = zeros((self.r,), W.dtype)
        self.lambda_d.data += self.d_initial
        self.lambda_b = zeros((len(W),), W.dtype)

    def factors(self):
        """A (r, in) and B (out, r) with their diagonals: ΔW = B A."""
        out, columns = self.site.parameter("weight").shape
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

    def file_names(self):
        return {"lambda_b": "vera_lambda_b", "lambda_d": "vera_lambda_d"}

    @classmethod
    def to_file(cls, deltas):
        state = super().to_file(deltas)
        for name in ("A", "B"):
            state[f"{SHARED}vera_{name}"] = deltas[0].slots()[name].numpy()
        return state

    @classmethod
    def from_file(cls, deltas, state):
        super().from_file(deltas, state)
        for name in ("A", "B"):
            slot = deltas[0].slots()[name]
            slot.data = state[f"{SHARED}vera_{name}"].astype(slot.dtype)
            deltas[0].to(deltas[0].lambda_b.device)

    def to_config(self, deltas):
        return {
            "r": self.r,
            "d_initial": self.d_initial,
            "vera_dropout": self.dropout,
            "projection_prng_key": self.seed,
            "save_projection": True,
            "fan_in_fan_out": False,
            "bias": "none",
        }

    @classmethod
    def from_config(cls, config):
        if (
            not config.get("save_projection", True)
            or config.get("bias", "none") != "none"
        ):
            raise ValueError(
                "peft.load: a VeRA file needs save_projection=true (its A and B come from "
                "PyTorch's generator otherwise) and bias='none'"
            )
        dropout, key = (
            config.get("vera_dropout", 0.0),
            config.get("projection_prng_key", 0),
        )
        return cls(config.get("r", 256), config.get("d_initial", 0.1), dropout, key)
