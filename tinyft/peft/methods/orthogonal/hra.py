"""HRA: W' = W H_1 H_2 ... H_r, H_i = I − 2 u_i u_iᵀ/u_iᵀu_i (Yuan et al. 2024).

    y = W (H_1 ... H_r x) + b: r reflections of the inputs (Householder 1958), so W' has
    the singular values of W, and the lengths and angles of its rows. det = (−1)^r.

At the start neighbouring vectors are equal, and two equal reflections are the identity:
r is even. The product is computed in one step (Bischof and Van Loan 1987), Û the unit
vectors as columns:

    H_1 ... H_r = I − Û S⁻¹ Ûᵀ,   S = ½ I + the part of ÛᵀÛ above its diagonal

so W' = W − (W Û S⁻¹) Ûᵀ is a change of rank r at most, with r·in numbers to train. Only
directions matter: the gradient of u is orthogonal to u, and as 1/‖u‖.
"""

from tinyft import backend, nn, ops
from tinyft.nn import init
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta


class HRA(Delta, kind="HRA"):
    """W' = W H_1 ... H_r. Sites: Linear.

    r: how many reflections; even, for the model to start as the base, and at most the
    number of inputs. Raises ValueError otherwise (a file may have an odd r).
    """

    changes = ("weight",)
    formula, where = "W' = W H_1 ⋯ H_r, H = I − 2uuᵀ/uᵀu", "Linear"
    counts, chapter = "r in", "16_loha_lokr"

    def __init__(self, r=8):
        positive("HRA", r=r)

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def check_site(self, path, module):
        columns = module.weight_spec("weight")[0][1]
        if self.r % 2:
            raise ValueError(
                f"HRA at {path!r}: r = {self.r} is odd, and an odd number of reflections "
                f"cannot start as the identity; take {self.r + 1}"
            )
        if self.r > columns:
            raise ValueError(
                f"HRA at {path!r}: r = {self.r} is above its {columns} inputs, and "
                f"{columns} reflections make any orthogonal matrix; take at most "
                f"{columns // 2 * 2}"
            )

    def build(self, module, rng):
        (_, columns), dtype, _ = module.weight_spec("weight")
        half = zeros((columns, (self.r + 1) // 2), dtype)
        init.kaiming_uniform_(half, 5**0.5, rng)
        self.U = zeros((columns, self.r), dtype)
        self.U.data = half.data.repeat(2, axis=1)[:, : self.r]

    def weight(self, W):
        U = self.U / ops.norm(self.U, axis=0)  # (in, r)
        S = ops.triu(U.T @ U, 1)
        half = backend.xp_of(S.data).eye(self.r, dtype=S.dtype) / 2
        return W - (W @ U) @ ops.solve(S + half, U.T)

    def extra_repr(self):
        return f"r={self.r}"
