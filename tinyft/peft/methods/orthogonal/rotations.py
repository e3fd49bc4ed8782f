"""Orthogonal matrices: Cayley's, its truncated series, and the best one for a target.

    cayley      R = (I − Q)(I + Q)⁻¹, Qᵀ = −Q: RᵀR = I, det R = 1, no eigenvalue −1; an
                eigenvalue it of Q becomes a turn by 2 arctan t           (Cayley 1846)
    neumann     I + 2Q + ... + 2Q^(N−2) + Q^(N−1), what is left of (I + Q)(I − Q)⁻¹ =
                cayley(−Q) after N terms; it is cayley(−Q)(I − Q^(N−1)), so that
                    ‖RᵀR − I‖₂ = max_t | |1 − (it)^(N−1)|² − 1 |
                5 terms: 2t⁴ − t⁸;  6 terms: t¹⁰ (an even number is far better)
    procrustes  R* = U Vᵀ of target Wᵀ = U Σ Vᵀ, with the squared error
                    ‖W‖² + ‖target‖² − 2 Σ σ                       (Schönemann 1966)

These R act on the left, R W. For a Linear's weight, (out, in), of which the methods turn
the inputs, W Rᵀ, give the transposes: procrustes(target.T, W.T).
"""

import math

from tinyft import backend, ops
from tinyft.autograd.tensor import Tensor
from tinyft.ops.operands import wrap


def cayley(Q):
    """(I − Q)(I + Q)⁻¹ of skew matrices Q (..., n, n); a Tensor, differentiable."""
    eye, Q = _eye(Q), wrap(Q)
    return ops.solve(eye + Q, eye - Q)  # the two factors commute


def neumann(Q, terms):
    """The first `terms` terms, 2 or more, of (I + Q)(I − Q)⁻¹; a Tensor."""
    if not isinstance(terms, int) or terms < 2:
        raise ValueError(f"neumann: expected 2 or more terms, got {terms!r}")
    eye, Q = _eye(Q), wrap(Q)
    R = eye + Q
    for _ in range(terms - 2):  # Horner: I + Q (I + R) adds a term
        R = eye + Q @ (eye + R)
    return R


def defect(R):
    """‖RᵀR − I‖₂, the largest over the batch axes of R (..., n, n): 0 if orthogonal."""
    R = _array(R)
    xp, linalg = backend.xp_of(R), backend.linalg_of("defect", R)
    gram = R.swapaxes(-1, -2) @ R - xp.eye(R.shape[-1], dtype=R.dtype)
    return float(abs(linalg.eigvalsh(gram)).max())


def procrustes(target, W, rotation=False):
    """(R, error): the orthogonal R with the least ‖R W − target‖_F, and that norm.

    target, W: (n, m), or stacks of them (..., n, m), one R for each; arrays or Tensors.
    rotation: only det R = 1, which is what Cayley's R has. Where U Vᵀ reflects, the last
    singular vector is flipped and the squared error grows by 4 σ_min. (Cayley's R come
    as near as you like to a rotation with half a turn in it, and reach all others.)
    Raises ValueError for shapes that differ, NaN or Inf.
    """
    target, W = _array(target), _array(W)
    if target.shape != W.shape or W.ndim < 2:
        raise ValueError(
            f"procrustes: expected two matrices of one shape, got {target.shape} and "
            f"{W.shape}"
        )
    xp, linalg = backend.xp_of(W), backend.linalg_of("procrustes", W)
    product = target @ W.swapaxes(-1, -2)
    if not xp.isfinite(product).all():
        raise ValueError("procrustes: target or W holds NaN or Inf; look at them first")
    U, _, Vt = linalg.svd(product)
    if rotation:
        U[..., -1] *= xp.sign(linalg.det(U @ Vt))[..., None]
    R = U @ Vt
    return R, math.sqrt(float(((R @ W - target) ** 2).sum()))


def _eye(Q):
    Q = _array(Q)
    return wrap(backend.xp_of(Q).eye(Q.shape[-1], dtype=Q.dtype))


def _array(x):
    return x.data if isinstance(x, Tensor) else x
