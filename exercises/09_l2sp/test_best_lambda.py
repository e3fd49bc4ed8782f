"""Grader of best_lambda. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(24, 6), (17, 1), (7, 5), (90, 11)]  # n, d


def problem(rng, n, d):
    theta_true = rng.normal(size=d)
    theta0 = theta_true + 0.5 * rng.normal(size=d) + 0.3
    sigma, kappa = rng.uniform([1.3, 2.2], [1.9, 3.3])
    return theta_true, theta0, float(sigma), n, float(kappa)


def by_weight(theta_true, theta0, sigma, n, kappa):
    """The least of (1−w)²‖δ‖² + w²v over the weight w = κ/(κ + 2λ) of the data."""
    bias2 = np.sum((theta_true - theta0) ** 2)
    v = len(theta0) * sigma**2 / (n * kappa)
    w = bias2 / (bias2 + v)
    return kappa * (1 / w - 1) / 2, (1 - w) ** 2 * bias2 + w**2 * v


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_lambda(student, rng, draw):
    """λ*, where the derivative of the risk is 0."""
    given = theta_true, theta0, sigma, n, kappa = problem(rng, *draw)
    d, delta = len(theta0), theta_true - theta0
    delta2, start2, true2 = delta @ delta, theta0 @ theta0, theta_true @ theta_true
    want = by_weight(*given)[0]
    known = {
        "the ½ of λ* is missing": 2 * want,
        "d is missing": want / d,
        "n is missing": want * n,
        "σ instead of σ²": want / sigma,
        "‖θ0‖² instead of ‖θ_true − θ0‖²": want * delta2 / start2,
        "‖θ_true‖² instead of ‖θ_true − θ0‖²": want * delta2 / true2,
        "‖θ_true − θ0‖ without the square": want * delta2**0.5,
        "the mean of (θ_true − θ0)², not the sum": want * d,
        "1/λ* instead of λ*": 1 / want,
        "κ is in the variance but not in w = κ/(κ + 2λ)": want / kappa,
        "κ is in w = κ/(κ + 2λ) but not in the variance": want * kappa,
        "the share of the start, 1 − w, instead of λ": 2 * want / (kappa + 2 * want),
    }
    compare(
        student.best_lambda(*given)[0],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(9.13)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_risk(student, rng, draw):
    """R*, the risk at λ*."""
    given = theta_true, theta0, sigma, n, kappa = problem(rng, *draw)
    d, delta = len(theta0), theta_true - theta0
    delta2, start2, v = delta @ delta, theta0 @ theta0, d * sigma**2 / (n * kappa)
    want = by_weight(*given)[1]

    def harmonic(a, b):
        return a * b / (a + b)

    known = {
        "R* is the smaller of v and ‖θ_true − θ0‖²": min(v, delta2),
        "R* is the sum of v and ‖θ_true − θ0‖²": v + delta2,
        "R* is the mean of v and ‖θ_true − θ0‖²": (v + delta2) / 2,
        "R* is their harmonic mean, twice too large": 2 * want,
        "R* includes the noise σ²": want + sigma**2,
        "R* is the bias² only": want**2 / delta2,
        "R* is the variance only": want**2 / v,
        "κ is missing in the variance": harmonic(v * kappa, delta2),
        "κ² instead of κ in the variance": harmonic(v / kappa, delta2),
        "d is missing": harmonic(v / d, delta2),
        "n is missing": harmonic(n * v, delta2),
        "σ instead of σ²": harmonic(v / sigma, delta2),
        "‖θ0‖² instead of ‖θ_true − θ0‖²": harmonic(v, start2),
        "‖θ_true − θ0‖ without the square": harmonic(v, delta2**0.5),
        "the mean of (θ_true − θ0)², not the sum": harmonic(v, delta2 / d),
        "λ* and R* are returned in the wrong order": by_weight(*given)[0],
    }
    compare(
        student.best_lambda(*given)[1],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(9.13)",
    )


@pytest.mark.draws((24, 6), (15, 4))
def test_no_other_lambda_is_better(student, rng, draw):
    """R* is the risk of λ* in a real design, and its neighbours are worse."""
    given = theta_true, theta0, sigma, n, kappa = problem(rng, *draw)
    lam, risk = student.best_lambda(*given)
    X = np.sqrt(n * kappa) * np.linalg.qr(rng.normal(size=(n, len(theta0))))[0]

    def R(lam):  # bias² + variance of θ*(λ) = A(Xᵀy + 2nλθ0), from A itself
        A = np.linalg.inv(X.T @ X + 2 * n * lam * np.eye(len(theta0)))
        bias = 2 * n * lam * A @ (theta0 - theta_true)
        return bias @ bias + sigma**2 * np.sum((A @ X.T) ** 2)

    called = "best_lambda, and R(λ) at its λ*"
    compare(risk, want=R(lam), tol=TOL, equation="(9.12)", called=called)
    for nearby in (0.9 * lam, 1.1 * lam):
        assert R(nearby) >= R(lam), (
            f"λ = {nearby:.6g} has risk {R(nearby):.6g}, below R(λ*) = {R(lam):.6g} at "
            f"your λ* = {lam:.6g}: that is not the minimum. See equation (9.13)."
        )
