"""Grader of closed_form. All bounds: a well-conditioned solve errs by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9


def problem(seed, n=11, d=4, K=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    Y = X @ rng.normal(size=(d, K)) + rng.normal(size=(n, K))
    return X, Y, rng.normal(size=(d, K)) + 1.0, rng.uniform(0.2, 0.5)


def solve(X, Y, Theta0, c):
    """The residual form (9.5): another route to the same minimiser."""
    A = X.T @ X + c * np.eye(X.shape[1])
    return Theta0 + np.linalg.solve(A, X.T @ (Y - X @ Theta0))


def wrong_ends(X, Y, Theta0, c):
    """What goes wrong with Θ0 whatever the constant."""
    A = X.T @ X + c * np.eye(X.shape[1])
    return {
        "the penalty pulls to 0, not to Θ0": lambda: solve(X, Y, 0 * Theta0, c),
        "minus c·Θ0 in place of plus": lambda: solve(X, Y, -Theta0, c),
        "Θ0 is not multiplied by c": lambda: np.linalg.solve(A, X.T @ Y + Theta0),
        "Θ0 was added to the ridge solution": lambda: (
            Theta0 + np.linalg.solve(A, X.T @ Y)
        ),
    }


def with_constants(X, Y, Theta0, lam, factors):
    """Minimisers with another constant: {mistake: c / λ} to {mistake: Θ}."""
    return {said: solve(X, Y, Theta0, c * lam) for said, c in factors.items()}


@pytest.mark.points(2)
def test_half_mean(student, seed):
    """The minimiser for the course's loss, ‖E‖²/(2n)."""
    X, Y, Theta0, lam = problem(seed)
    n = len(X)
    wrong = {
        "n·λ in place of 2n·λ": n,
        "2·λ in place of 2n·λ": 2,
        "λ in place of 2n·λ": 1,
    }
    compare(
        student.closed_form(X, Y, Theta0, lam),
        want=solve(X, Y, Theta0, 2 * n * lam),
        mistakes=with_constants(X, Y, Theta0, lam, wrong)
        | wrong_ends(X, Y, Theta0, 2 * n * lam),
        tol=TOL,
        equation="(9.3)",
    )


def test_mean(student, seed):
    """The constant of PyTorch's MSELoss, the mean over all n·K entries."""
    X, Y, Theta0, lam = problem(seed)
    n, K = Y.shape
    wrong = {
        "K forgotten: n·λ in place of n·K·λ": n,
        "2n·λ in place of n·K·λ": 2 * n,
        "2n·K·λ in place of n·K·λ": 2 * n * K,
    }
    compare(
        student.closed_form(X, Y, Theta0, lam, "mean"),
        want=solve(X, Y, Theta0, n * K * lam),
        mistakes=with_constants(X, Y, Theta0, lam, wrong),
        tol=TOL,
        equation="(9.4)",
    )


def test_sums(student, seed):
    """The constants of ‖E‖²/2 and ‖E‖²: no n at all."""
    X, Y, Theta0, lam = problem(seed)
    wrong = {"λ in place of 2·λ": 1, "n·λ in place of 2·λ": len(X)}
    compare(
        student.closed_form(X, Y, Theta0, lam, "half_sum"),
        want=solve(X, Y, Theta0, 2 * lam),
        mistakes=with_constants(X, Y, Theta0, lam, wrong),
        tol=TOL,
        equation="(9.4)",
    )
    wrong = {"λ/2 in place of λ": 0.5, "2·λ in place of λ": 2}
    compare(
        student.closed_form(X, Y, Theta0, lam, "sum"),
        want=solve(X, Y, Theta0, lam),
        mistakes=with_constants(X, Y, Theta0, lam, wrong),
        tol=TOL,
        equation="(9.4)",
    )


def test_perfect_start(student, seed):
    """When Θ0 fits perfectly it is the answer, whatever λ."""
    X, _, Theta0, lam = problem(seed)
    Y = X @ Theta0
    compare(
        student.closed_form(X, Y, Theta0, lam),
        want=Theta0,
        mistakes=wrong_ends(X, Y, Theta0, 2 * len(X) * lam),
        tol=TOL,
        equation="(9.5)",
    )


def test_inputs_unchanged(student, seed):
    """λ = 0 is ordinary least squares, and the inputs are left alone."""
    X, Y, Theta0, lam = problem(seed)
    student.closed_form(X, Y, Theta0, lam)
    compare(
        student.closed_form(X, Y, Theta0, 0.0),
        want=np.linalg.lstsq(X, Y, rcond=None)[0],
        tol=TOL,
        equation="(9.8)",
    )
