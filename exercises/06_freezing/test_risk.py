"""Grader of risk. Reference: the fit is linear in y, so bias and variance are read off
the fits of the mean and of each unit of noise. Bounds: condition 1e2, so 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
SIZES = [  # n, p, the tuned columns
    (9, 5, (1, 3)),
    (7, 4, (0, 2, 3)),
    (8, 3, ()),
    (4, 6, (0, 1, 2, 4, 5)),  # interpolates: Φ b = 0
    (6, 3, (0, 1, 2)),  # no bias: the variance alone
]


def problem(rng, n, p, on):
    Phi, root = rng.normal(size=(n, p)), rng.normal(size=(p + 3, p))
    tuned = np.isin(np.arange(p), on)
    delta = rng.normal(size=p) + 0.5
    return Phi, root.T @ root / len(root), delta, tuned, float(rng.uniform(0.4, 0.8))


def fitted(Phi, tuned, y):
    """The change of θ that least squares makes for a target y − Phi θ0; smallest norm."""
    change = np.zeros(Phi.shape[1])
    if tuned.any():
        change[tuned] = np.linalg.lstsq(Phi[:, tuned], y, rcond=None)[0]
    return change


def reference(Phi, M, delta, tuned, sigma):
    bias = fitted(Phi, tuned, Phi @ delta) - delta
    noise = [fitted(Phi, tuned, e) for e in np.eye(len(Phi))]
    return bias @ M @ bias, sigma**2 * sum(c @ M @ c for c in noise)


def parts(Phi, M, delta, tuned):
    T, F = tuned, ~tuned
    P = np.linalg.pinv(Phi[:, T]) if T.any() else np.zeros((0, len(Phi)))
    return P, M[np.ix_(T, T)], Phi[:, F] @ delta[F], Phi[:, T] @ delta[T]


def wrong_bias(Phi, M, delta, tuned, sigma):
    P, _, leak, own = parts(Phi, M, delta, tuned)
    want, variance = reference(Phi, M, delta, tuned, sigma)

    def by(bT, bF=None):
        b = -delta.copy() if bF is None else bF.copy()
        b[tuned] = bT
        return b @ M @ b

    rest = P @ own - delta[tuned]
    right = P @ leak + rest
    b = -delta.copy()
    b[tuned] = right
    return {
        "what the frozen columns leave is not fitted: P Φ_F δ_F is left out": by(rest),
        "the sign of P Φ_F δ_F": by(rest - P @ leak),
        "tuned columns have no bias at all": by(0 * rest),
        "the bias of the tuned columns only": by(right, 0 * delta),
        "the frozen columns are set to 0, not kept at θ0": by(right, 0 * delta - 1),
        "M is left out of the bias": b @ b,
        "the diagonal of M alone": np.sum(np.diag(M) * b * b),
        "delta itself: nothing was fitted": delta @ M @ delta,
        "Φ's own points instead of M": np.mean((Phi @ b) ** 2),
        "the bias is not squared": want**0.5,
        "variance and bias² are swapped": variance,
        "the noise is in the bias too": want + sigma**2,
    }


def wrong_variance(Phi, M, delta, tuned, sigma):
    P, MT, *_ = parts(Phi, M, delta, tuned)
    bias, want = reference(Phi, M, delta, tuned, sigma)
    n, k = len(Phi), int(tuned.sum())
    inverse = np.linalg.pinv(Phi)
    return {
        "sigma instead of sigma²": want / sigma,
        "M is left out of the variance": sigma**2 * np.sum(P**2),
        "σ² k/n: the variance on the training points": sigma**2 * k / n,
        "divided by n": want / n,
        "all columns are fitted": sigma**2 * np.trace(M @ inverse @ inverse.T),
        "sigma² alone": sigma**2,
        "the noise sigma² is in it: the risk, not the excess": want + sigma**2,
        "variance and bias² are swapped": bias,
        "P Pᵀ's inverse: (PᵀP)": (
            sigma**2 * np.trace(MT @ Phi[:, tuned].T @ Phi[:, tuned])
        ),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES[:3])
def test_bias(student, rng, draw):
    """bias², also with nothing tuned."""
    given = problem(rng, *draw)
    want = reference(*given)[0]
    got = take(student.risk(*given), "(6.2)", bias2=(), variance=())[0]
    known = wrong_bias(*given)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(6.2)")


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_variance(student, rng, draw):
    """variance, also with fewer points than tuned columns, or everything tuned."""
    given = problem(rng, *draw)
    want = reference(*given)[1]
    got = take(student.risk(*given), "(6.3)", bias2=(), variance=())[1]
    known = wrong_variance(*given)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(6.3)")


THREE, FOUR = (0, 0, 1, 2, 2, 2), (0, 0, 1, 2, 5, 5)
FIVE = (0, 1, 2, 3, 4, 4)


@pytest.mark.draws(
    (10, 0.3, THREE),
    (9, 1.0, THREE),
    (12, 0.03, FOUR),
    (8, 3.0, (4, 4, 1, 1, 1, 1)),
    (12, 0.001, FIVE),
)
def test_best_choice(student, rng, draw):
    """The best of all choices of two to five groups, for little and much noise."""
    n, sigma, groups = draw[0], draw[1], np.array(draw[2])
    Phi, M, delta, *_ = problem(rng, n, len(groups), ())
    delta = delta * np.array([2.0, 2.0, 0.02, 0.3, 0.3, 0.3])
    names = sorted(set(draw[2]))

    def total(on, parts=(1, 1)):
        found = reference(Phi, M, delta, np.isin(groups, on), sigma)
        return sum(w * v for w, v in zip(parts, found))

    options = [
        [g for i, g in enumerate(names) if code >> i & 1]
        for code in range(2 ** len(names))
    ]
    pick = lambda **how: min(options, key=lambda on: total(on, **how))  # noqa: E731
    flags = lambda on: np.isin(names, on).astype(float)  # noqa: E731
    want = pick()
    known = {
        "the smallest bias² wins, whatever the variance": flags(pick(parts=(1, 0))),
        "the smallest variance wins: nothing is tuned": flags([]),
        "one group at most": flags(
            min(options, key=lambda on: (len(on) > 1, total(on)))
        ),
        "everything is tuned": flags(names),
        "the complement: the groups to freeze": 1 - flags(want),
    }
    got = student.best_choice(Phi, M, delta, groups, sigma)
    numbers = [float(g) for g in np.asarray(got, dtype=float).ravel()]
    compare(
        flags(numbers) if set(numbers) <= set(names) else numbers,
        want=flags(want),
        mistakes={k: v for k, v in known.items() if (v != flags(want)).any()},
        tol=1e-3,
        equation="(6.3)",
        called=f"best_choice: 1 for each of the groups {names} that is tuned",
    )
