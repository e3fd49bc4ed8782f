"""Grader of risk_gap. The reference fits noise-free data by least squares on stacked
rows: the noise adds the same to both risks. Exact to 1e-12; 1e-8 is allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(9, 4), (12, 3), (7, 5), (4, 6)]  # n, d; the last has fewer rows than inputs


def problem(rng, n, d):
    mix = rng.normal(size=(d, d)) / d + np.diag(rng.uniform(0.4, 2, d))
    Sigma, X = mix.T @ mix, rng.normal(size=(n, d)) @ mix
    theta_T = rng.normal(size=d) + 0.4
    theta0 = theta_T + rng.normal(size=d)
    return X, Sigma, theta_T, theta0, float(rng.uniform(0.15, 0.6))


def bias(X, theta_T, start, lam):
    """θ − θ_T without noise: rows √(2nλ) I that ask for the start, below X."""
    n, d = X.shape
    root = np.sqrt(2 * n * lam)
    rows = np.vstack([X, root * np.eye(d)])
    y = np.concatenate([X @ theta_T, root * start])
    return np.linalg.lstsq(rows, y)[0] - theta_T


def risk(X, Sigma, theta_T, start, lam):
    e = bias(X, theta_T, start, lam)
    return e @ Sigma @ e


def gap(X, Sigma, theta_T, theta0, lam):
    zero = risk(X, Sigma, theta_T, 0 * theta0, lam)
    return risk(X, Sigma, theta_T, theta0, lam) - zero


def forms(Q, theta_T, theta0):
    return theta0 @ Q @ theta0 - 2 * theta0 @ Q @ theta_T


def quadratic(X, Sigma, c, power=2):
    """(c)² A Σ A with A = (XᵀX + cI)⁻¹."""
    A = np.linalg.inv(X.T @ X + c * np.eye(len(Sigma)))
    return c**power * A @ Sigma @ A


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_gap(student, rng, draw):
    """Risk of transfer minus risk of scratch."""
    given = X, Sigma, theta_T, theta0, lam = problem(rng, *draw)
    n, delta = len(X), theta_T - theta0
    Q, want, I = quadratic(X, Sigma, 2 * n * lam), gap(*given), np.eye(len(Sigma))
    known = {
        "the sign: scratch minus transfer": -want,
        "Euclidean distances: ‖θ_T − θ0‖² − ‖θ_T‖²": delta @ delta - theta_T @ theta_T,
        "distances in Σ alone: the data shrink nothing": forms(Sigma, theta_T, theta0),
        "nλ instead of 2nλ": forms(quadratic(X, Sigma, n * lam), theta_T, theta0),
        "2λ instead of 2nλ": forms(quadratic(X, Sigma, 2 * lam), theta_T, theta0),
        "λ instead of 2nλ": forms(quadratic(X, Sigma, lam), theta_T, theta0),
        "(2nλ)² is missing before A Σ A": forms(
            Q / (2 * n * lam) ** 2, theta_T, theta0
        ),
        "2nλ without its square": forms(Q / (2 * n * lam), theta_T, theta0),
        "Σ is missing": forms(quadratic(X, I, 2 * n * lam), theta_T, theta0),
        "XᵀX/n instead of Σ": forms(
            quadratic(X, X.T @ X / n, 2 * n * lam), theta_T, theta0
        ),
        "the risk of transfer alone": delta @ Q @ delta,
        "θ0ᵀQθ_T once, not twice": theta0 @ Q @ theta0 - theta0 @ Q @ theta_T,
        "θ0ᵀQθ_T is not subtracted": theta0 @ Q @ theta0,
    }
    compare(
        student.risk_gap(*given)[0],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.8)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_share(student, rng, draw):
    """The s of least risk: three risks fix the parabola."""
    given = X, Sigma, theta_T, theta0, lam = problem(rng, *draw)
    down, here, up = (risk(X, Sigma, theta_T, s * theta0, lam) for s in (-1, 0, 1))
    want = (down - up) / (2 * (down + up - 2 * here))
    Q = quadratic(X, Sigma, 2 * len(X) * lam)
    size, along = theta0 @ Q @ theta0, theta0 @ Q @ theta_T
    known = {
        "2s: where the gap is 0 again, not where it is least": 2 * want,
        "s upside down": 1 / want,
        "the projection without Q": theta0 @ theta_T / (theta0 @ theta0),
        "the projection in Σ": theta0 @ Sigma @ theta_T / (theta0 @ Sigma @ theta0),
        "divided by θ_TᵀQθ_T": along / (theta_T @ Q @ theta_T),
        "θ0ᵀQθ_T is not divided": along,
        "1 − s: the share that is left out": 1 - want,
        "the sign of s": -along / size,
        "s was kept between 0 and 1": float(np.clip(want, 0, 1)),
    }
    compare(
        student.risk_gap(*given)[1],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.8)",
    )


@pytest.mark.draws((6, 3), (9, 5))
def test_isotropic(student, rng, draw):
    """XᵀX = nI and Σ = I: the gap is (12.9)."""
    n, d = draw
    X = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, d)))[0]
    theta_T, theta0, lam = rng.normal(size=d), 2 * rng.normal(size=d), 0.3
    squares = np.sum((theta_T - theta0) ** 2) - theta_T @ theta_T
    want = (2 * lam) ** 2 * squares / (1 + 2 * lam) ** 2
    known = {
        "nλ instead of 2nλ": lam**2 * squares / (1 + lam) ** 2,
        "the sign: scratch minus transfer": -want,
    }
    got = student.risk_gap(X, np.eye(d), theta_T, theta0, lam)[0]
    compare(got, want=want, mistakes=known, tol=TOL, equation="(12.9)")
