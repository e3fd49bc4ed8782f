"""OFT: W' = W Rᵀ, R = blockdiag((I − Q)(I + Q)⁻¹), Qᵀ = −Q (Qiu et al. 2023).

    y = W (Rᵀ x) + b: each block of inputs is turned before W reads it. W' W'ᵀ = W Wᵀ, so
    the lengths of the neurons (rows of W), the angles between them and the singular
    values of W stay what they were.

The paper writes a neuron as a column, and then W' = R W. Q = 0 at the start, R = I. A
block of b inputs has b (b − 1)/2 numbers, those above the diagonal of Q, row by row.

`terms=N` cuts the series of the inverse after N terms (orthogonal.neumann), which saves
the solve and is not orthogonal: ‖RᵀR − I‖₂ = 2t⁴ − t⁸ for five terms, t = ‖Q‖₂. That is
what Hugging Face PEFT does by default.
"""

from tinyft import backend, nn, ops
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.methods.orthogonal.rotations import cayley, neumann


class OFT(Delta, kind="OFT"):
    """W' = W Rᵀ with R orthogonal and block-diagonal. Sites: Linear.

    block: inputs turned together, 2 or more; it must divide the number of inputs.
    share: one R for all blocks. terms: None for the exact R, or 4 or more terms.
    Raises ValueError for other sizes, and where the block does not divide.
    """

    changes = ("weight",)
    formula = "W' = W Rᵀ, R = blockdiag((I − Q)(I + Q)⁻¹), Qᵀ = −Q"
    where, counts, chapter = "Linear", "in (block − 1)/2", "16_loha_lokr"

    def __init__(self, block=32, share=False, terms=None):
        positive("OFT", block=block)
        if block < 2:
            raise ValueError(
                "OFT: block must be at least 2: one input cannot be turned"
            )
        if terms is not None and (not isinstance(terms, int) or terms < 4):
            raise ValueError(
                "OFT: terms is None for the exact rotation, or a whole number of 4 or "
                f"more, got {terms!r}"
            )

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def build(self, module, rng):
        (_, columns), dtype, _ = module.weight_spec("weight")
        if columns % self.block:
            sizes = [n for n in range(2, columns + 1) if columns % n == 0]
            raise ValueError(
                f"OFT at {self.path!r}: a block of {self.block} does not divide the "
                f"{columns} inputs; possible: {', '.join(map(str, sizes)) or 'none'}"
            )
        count = 1 if self.share else columns // self.block
        self.q = zeros((count, self.block * (self.block - 1) // 2), dtype)

    def skew(self):
        """Q (blocks, b, b) of the numbers above its diagonals, Qᵀ = −Q."""
        xp = backend.xp_of(self.q.data)
        i = xp.arange(self.block)[:, None]
        low, high = xp.minimum(i, i.T), xp.maximum(i, i.T)
        place = low * (2 * self.block - low - 3) // 2 + high - 1  # in the row-wise list
        sign = ((i < i.T).astype("i1") - (i > i.T)).astype(self.q.dtype)
        return self.q[:, place] * sign

    def rotation(self):
        """R (blocks, b, b), one for each block, or (1, b, b) with `share`."""
        Q = self.skew()
        return cayley(Q) if self.terms is None else neumann(-Q, self.terms)

    def weight(self, W):
        blocks = W.reshape((len(W), -1, self.block)).swapaxes(0, 1)  # (blocks, out, b)
        turned = blocks @ self.rotation().swapaxes(-1, -2)
        return ops.reshape(turned.swapaxes(0, 1), W.shape)

    def extra_repr(self):
        return f"block={self.block}"
