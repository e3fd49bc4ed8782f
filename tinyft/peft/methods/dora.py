"""DoRA: magnitude and direction apart, W' = m V/‖V‖, V = W + (α/r) B A (Liu et al. 2024).

    ‖V‖ is the norm of each row (output; of an Embedding, as in PEFT, of each feature over
    the vocabulary), m = ‖W‖ at the start, so W' = W. Where V is zero W' = V.
    With g = ∂L/∂w for a row w = m v/‖v‖:
        ∂m = g·v/‖v‖,   ∂v = (m/‖v‖) (I − v vᵀ/‖v‖²) g        exact      (detach=False)
                        ∂v = (m/‖v‖) g                        the paper's 4.3, and PEFT's

Treating ‖V‖ as a constant saves memory and changes the gradient: the exact one is
orthogonal to v, so rows can only grow; the detached one is not.
"""

from tinyft import backend, ops
from tinyft.nn.module import Parameter
from tinyft.peft.layout import on_output
from tinyft.peft.methods.lora import LoRA


class DoRA(LoRA, kind="DORA"):
    """W' = m V/‖V‖, V = W + s B A; r, alpha, rslora as LoRA's. Adds one number per output.

    detach: ‖V‖ counts as a constant in backward (the paper and PEFT), or not.
    dropout: acts on the input of the whole change, not of A alone, as in PEFT
    (huggingface/peft#1474); while it does, DoRA must be alone on its site.
    """

    formula, where = "W' = m V/‖V‖, V = W + (α/r) B A", "Linear, Conv2d, Embedding"
    counts, chapter = "r (in + out) + out", "15_lora"
    lora_bias = False
    factors = None  # not a product of two matrices

    def __init__(self, r=8, alpha=8, dropout=0.0, rslora=False, detach=True):
        super().__init__(r, alpha, dropout, rslora)

    def build(self, module, rng):
        super().build(module, rng)
        m = self.norm(super().weight(module.weight)).data  # with what acts already
        self.m = Parameter(m, dtype=m.dtype)

    @property
    def factored(self):
        """Only while it drops inputs, which the closed form cannot do."""
        return bool(self.dropout and self.training and not self.layout.lookup)

    def weight(self, W):
        V = super().weight(W)
        rows = self.layout.matrix(V) * ops.expand_dims(self.ratio(V), 1)
        return self.layout.weight(rows)

    def norm(self, V):
        """‖V‖ of each output; float16 cannot hold the squares of its own values."""
        V = V.float() if V.dtype == backend.float16 else V
        return ops.norm(self.layout.matrix(V), axis=1)

    def ratio(self, V):
        """m/‖V‖ of each output; 1 where ‖V‖ is 0."""
        norm = self.norm(V)
        norm = norm.detach() if self.detach else norm
        zero = norm.data == 0
        ratio = ops.where(zero, 1.0, self.m / ops.where(zero, 1.0, norm))
        return ratio.astype(V.dtype)

    def output(self, x, y):
        self._refuse_company()
        W, x = self.site.parameter("weight"), self.drop(x)
        ratio = on_output(self.site, self.ratio(super().weight(W)), y)
        low = self.scale * self.layout.low(x, self.A, self.B)
        return y + (ratio - 1) * self.layout.through(x, W) + ratio * low

    def _refuse_company(self):
        others = [
            d for d in self.site.deltas() if d is not self and "weight" in d.changes
        ]
        if others:
            raise ValueError(
                f"DoRA at {self.path!r}: with dropout it must be alone on its site while "
                f"training, and {type(others[0]).__name__} acts there too; set dropout=0"
            )
