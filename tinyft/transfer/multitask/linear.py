"""Two linear tasks: fit them together or apart? The answer in closed form.

    y_t = X_t w_t + noise,   x ~ N(0, I_d),   n rows each,   Δ = w_2 − w_1
    apart (least squares)      excess risk  σ²d/(n − d − 1)                             (1)
    pooled, one w for both     σ²d/(2n − d − 1) + b |Δ|²                                (2)
    b = (n² + n − 1)/(2(n + 1)(2n − 1)) + n/(4(n + 1)(2n − 1)) · (2nd − 2)/(2n − d − 1)

(2) holds exactly, b → ¼ for large n: two tasks' data halve the noise and are wrong by half
of Δ. The excess risk E|ŵ − w_1|² does not count the noise of new labels. Between the two:
    Σ_t |y_t − X_t(w_0 + v_t)|² + λ_0|w_0|² + λ_1 Σ_t |v_t|²                            (3)
one ridge regression; λ_1 → ∞ pools (penalty λ_0), λ_0 → ∞ separates (penalty λ_1).
Source: Evgeniou and Pontil 2004 for (3); (2) from the second moments of the matrix beta
distribution (derived in chapter 25_multitask, and compared with draws there).
"""

from tinyft import backend


def separate_risk(n, d, noise):
    """Excess risk (1) of least squares on n rows of one task; noise is σ² > 0."""
    _check("separate_risk", n, d, noise)
    return noise * d / (n - d - 1)


def pooled_risk(n, d, noise, distance):
    """Excess risk (2) for either task when both are fitted by one w.

    n: rows of each task; noise: σ² > 0; distance: |Δ|² ≥ 0, the squared difference.
    """
    _check("pooled_risk", n, d, noise)
    if not distance >= 0:
        raise ValueError(f"pooled_risk: distance={distance} is a square, so it is >= 0")
    return noise * d / (2 * n - d - 1) + _bias(n, d) * distance


def break_even(n, d, noise):
    """The |Δ|² at which (1) and (2) are equal: pooling helps below it, harms above."""
    gain = separate_risk(n, d, noise) - pooled_risk(n, d, noise, 0.0)
    return gain / _bias(n, d)


def joint_ridge(inputs, targets, shared, own):
    """(w_0 (d,), V (T, d)), the minimiser of (3): task t predicts with w_0 + V[t].

    inputs    T arrays X_t (n_t, d), n_t may differ
    targets   T arrays y_t (n_t,)
    shared    λ_0 ≥ 0, own: λ_1 > 0

    Raises ValueError for one task, other shapes, or penalties out of range.
    """
    _check_tasks(inputs, targets, shared, own)
    xp, linalg = backend.xp_of(inputs[0]), backend.linalg_of("joint_ridge", inputs[0])
    eye = xp.eye(inputs[0].shape[1], dtype=inputs[0].dtype)
    squares = [X.T @ X + own * eye for X in inputs]

    def own_part(A, X, rest):  # v_t for given residuals: a ridge regression of its own
        return linalg.solve(A, X.T @ rest)

    tasks = list(zip(squares, inputs, targets))
    left = shared * eye + sum(own * own_part(A, X, X) for A, X, _ in tasks)
    w = linalg.solve(left, sum(own * own_part(A, X, y) for A, X, y in tasks))
    return w, xp.stack([own_part(A, X, y - X @ w) for A, X, y in tasks])


def _bias(n, d):
    first = (n * n + n - 1) / (2 * (n + 1) * (2 * n - 1))
    second = n / (4 * (n + 1) * (2 * n - 1)) * (2 * n * d - 2) / (2 * n - d - 1)
    return first + second


def _check(caller, n, d, noise):
    if not (d >= 1 and n > d + 1):
        raise ValueError(
            f"{caller}: n={n}, d={d}; the risk of least squares is finite only for "
            "n > d + 1, d >= 1"
        )
    if not noise > 0:
        raise ValueError(f"{caller}: noise={noise} is a variance, so it should be > 0")


def _check_tasks(inputs, targets, shared, own):
    if len(inputs) < 2 or len(inputs) != len(targets):
        raise ValueError(
            f"joint_ridge: {len(inputs)} inputs and {len(targets)} targets; one of each "
            "per task, two tasks or more"
        )
    d = inputs[0].shape[-1]
    for t, (X, y) in enumerate(zip(inputs, targets)):
        if X.ndim != 2 or X.shape[1] != d or y.shape != (len(X),):
            raise ValueError(
                f"joint_ridge: task {t} has inputs {X.shape} and targets {y.shape}; "
                f"expected (n, {d}) and (n,)"
            )
    if not (shared >= 0 and own > 0):
        raise ValueError(
            f"joint_ridge: shared={shared} should be >= 0 and own={own} > 0; with own = 0 "
            "the split between w_0 and the v_t is not determined"
        )
