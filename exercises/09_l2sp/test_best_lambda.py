"""Grader of best_lambda. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, n=24, d=6):
    rng = np.random.default_rng(seed)
    theta_true = rng.normal(size=d)
    return theta_true, theta_true + 0.5 * rng.normal(size=d), rng.uniform(1.3, 1.9), n


def by_weight(theta_true, theta0, sigma, n):
    """The least of (1−w)²‖δ‖² + w²v over the weight w = 1/(1 + 2λ) of the data."""
    bias2, v = np.sum((theta_true - theta0) ** 2), len(theta0) * sigma**2 / n
    w = bias2 / (bias2 + v)
    return (1 / w - 1) / 2, (1 - w) ** 2 * bias2 + w**2 * v


def both(student, seed):
    theta_true, theta0, sigma, n = problem(seed)
    return student.best_lambda(theta_true, theta0, sigma, n)


def numbers(seed):
    theta_true, theta0, sigma, n = problem(seed)
    delta = theta_true - theta0
    return len(theta0), n, sigma, delta @ delta, theta0 @ theta0


@pytest.mark.points(2)
def test_lambda(student, seed):
    """λ*, where the derivative of the risk is 0."""
    d, n, sigma, delta2, start2 = numbers(seed)
    compare(
        both(student, seed)[0],
        want=by_weight(*problem(seed))[0],
        mistakes={
            "the ½ of λ* is missing": d * sigma**2 / (n * delta2),
            "d is missing": sigma**2 / (2 * n * delta2),
            "n is missing": d * sigma**2 / (2 * delta2),
            "σ in place of σ²": d * sigma / (2 * n * delta2),
            "‖θ0‖² in place of ‖θ_true − θ0‖²": d * sigma**2 / (2 * n * start2),
            "‖θ_true − θ0‖ without the square": d * sigma**2 / (2 * n * delta2**0.5),
            "1/λ* in place of λ*": 2 * n * delta2 / (d * sigma**2),
        },
        tol=TOL,
        equation="(9.13)",
    )


@pytest.mark.points(2)
def test_risk(student, seed):
    """R*, the risk at λ*."""
    d, n, sigma, delta2, start2 = numbers(seed)
    v, right = d * sigma**2 / n, by_weight(*problem(seed))[1]

    def harmonic(a, b):
        return a * b / (a + b)

    compare(
        both(student, seed)[1],
        want=right,
        mistakes={
            "R* is the smaller of v and ‖θ_true − θ0‖²": min(v, delta2),
            "R* is the sum of v and ‖θ_true − θ0‖²": v + delta2,
            "R* is their harmonic mean, twice too large": 2 * right,
            "R* includes the noise σ²": right + sigma**2,
            "d is missing": harmonic(sigma**2 / n, delta2),
            "n is missing": harmonic(d * sigma**2, delta2),
            "σ in place of σ²": harmonic(d * sigma / n, delta2),
            "‖θ0‖² in place of ‖θ_true − θ0‖²": harmonic(v, start2),
            "‖θ_true − θ0‖ without the square": harmonic(v, delta2**0.5),
        },
        tol=TOL,
        equation="(9.13)",
    )


def test_no_other_lambda_is_better(student, seed):
    """R* is the risk of λ* in a real isotropic design, and its neighbours are worse."""
    theta_true, theta0, sigma, n = problem(seed)
    lam, risk = student.best_lambda(theta_true, theta0, sigma, n)
    rng = np.random.default_rng(seed + 1)
    X = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, len(theta0))))[0]  # XᵀX = nI

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
