"""Grader of gradient_step. Bounds: rounding, 1e-15 for a step and its reference."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
LR = 0.3


def problem(seed, n=9, d=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n)
    return X, y, rng.normal(size=d), rng.normal(size=d) + 1.0, rng.uniform(0.3, 0.6)


def slope(X, y, theta, theta0, lam):
    """∇J by the complex step, Im J(θ + ih e_i)/h: exact to rounding, no formula."""
    h = 1e-30

    def J(t):
        return np.sum((X @ t - y) ** 2) / (2 * len(y)) + lam * np.sum((t - theta0) ** 2)

    return np.array([J(theta + 1j * h * e).imag / h for e in np.eye(len(theta))])


def mistakes(X, y, theta, theta0, lam, lr):
    fit, pull = X.T @ (X @ theta - y) / len(y), 2 * lam * (theta - theta0)
    half, away = theta - lr * fit, theta - theta0

    def step(gradient):
        return theta - lr * gradient

    return {
        "λ in place of 2λ": step(fit + pull / 2),
        "the fit's gradient is not divided by n": step(len(y) * fit + pull),
        "the fit's gradient is that of ‖E‖²/n, twice too large": step(2 * fit + pull),
        "the pull is divided by n too": step(fit + pull / len(y)),
        "the penalty pulls to 0, not to θ0": step(fit + 2 * lam * theta),
        "the penalty pushes away from θ0": step(fit - pull),
        "the pull is not multiplied by the learning rate": half - pull,
        "the step goes up the gradient": step(-fit - pull),
        "the pull is measured after the data's step": (
            half - lr * 2 * lam * (half - theta0)
        ),
        "the gradient of ‖θ − θ0‖, without the square": (
            step(fit + lam * away / np.linalg.norm(away))
        ),
    }


@pytest.mark.points(2)
def test_one_step(student, seed):
    """One step from a random θ."""
    X, y, theta, theta0, lam = problem(seed)
    got = student.gradient_step(X, y, theta, theta0, lam, LR)
    compare(
        got,
        want=theta - LR * slope(X, y, theta, theta0, lam),
        mistakes=mistakes(X, y, theta, theta0, lam, LR),
        tol=TOL,
        equation="(9.2)",
    )


def test_first_step(student, seed):
    """At θ = θ0 the penalty does not pull: the first step is plain gradient descent."""
    X, y, _, theta0, lam = problem(seed)
    fit = X.T @ (X @ theta0 - y) / len(y)
    compare(
        student.gradient_step(X, y, theta0.copy(), theta0, lam, LR),
        want=theta0 - LR * fit,
        mistakes={
            "the penalty pulls to 0, not to θ0": theta0 - LR * (fit + 2 * lam * theta0)
        },
        tol=TOL,
        equation="(9.2)",
    )


def test_where_it_ends(student, seed):
    """200 steps end at the closed form (9.3)."""
    X, y, theta, theta0, lam = problem(seed, n=60, d=3)
    n, d = X.shape
    lr = 1 / (np.linalg.norm(X, 2) ** 2 / n + 2 * lam)  # one over the top curvature
    for _ in range(200):
        theta = student.gradient_step(X, y, theta, theta0, lam, lr)
    A = X.T @ X + 2 * n * lam * np.eye(d)
    B = X.T @ X + n * lam * np.eye(d)
    compare(
        theta,
        want=np.linalg.solve(A, X.T @ y + 2 * n * lam * theta0),
        mistakes={
            "λ in place of 2λ": lambda: np.linalg.solve(B, X.T @ y + n * lam * theta0),
            "the penalty pulls to 0, not to θ0": lambda: np.linalg.solve(A, X.T @ y),
        },
        tol=TOL,  # each step shrinks the error by 2/3 or more: 1e-30 after 200
        equation="(9.3)",
        called="gradient_step 200 times",
    )
