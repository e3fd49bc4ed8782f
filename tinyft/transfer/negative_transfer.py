"""When a source harms a linear model: the transfer gap in closed form.

Both methods minimise |Xθ − y|²/(2n) + λ|θ − start|² for y = Xθ_T + noise: transfer from the
source's θ0, scratch from 0. With A = (XᵀX + 2nλI)⁻¹ and new inputs of second moments Σ,
    R(start) = (start − θ_T)ᵀ Q (start − θ_T) + noise,    Q = (2nλ)² A Σ A            (1)
    gap = R(θ0) − R(0) = θ0ᵀQθ0 − 2 θ0ᵀQθ_T                                           (2)
The noise is the same in both. Only where XᵀX and Σ are multiples of I does (2) compare the
distances |θ0 − θ_T| and |θ_T|. Source: chapter 12_negative_transfer, Proofs B.
"""

import math

from tinyft import backend


def transfer_gap(X, moments, target, source, strength):
    """The gap (2), a float: risk of transfer minus risk of scratch; > 0 is harm.

    X (n, d) inputs, moments Σ (d, d), target θ_T (d,), source θ0 (d,), arrays; strength
    λ > 0. Raises ValueError for other shapes, NaN, or λ that is not above 0.
    """
    n, d = X.shape
    shapes = {"moments": (moments, (d, d)), "target": (target, (d,))}
    for name, (x, want) in (shapes | {"source": (source, (d,))}).items():
        if x.shape != want:
            raise ValueError(
                f"transfer_gap: {name} should have shape {want} for X {X.shape}, got "
                f"{x.shape}"
            )
    finite = all(abs(x).max() < math.inf for x in (X, moments, target, source))
    if not (finite and 0 < strength < math.inf):
        raise ValueError(
            f"transfer_gap: strength={strength} should be > 0 (without a penalty nothing "
            "pulls to the start) and no array may hold NaN or infinity"
        )
    xp, linalg = backend.xp_of(X), backend.linalg_of("transfer_gap", X)
    c = 2 * n * strength
    shrink = linalg.solve(X.T @ X + c * xp.eye(d, dtype=X.dtype), c * source)
    truth = linalg.solve(X.T @ X + c * xp.eye(d, dtype=X.dtype), c * target)
    return float(shrink @ moments @ shrink - 2 * shrink @ moments @ truth)
