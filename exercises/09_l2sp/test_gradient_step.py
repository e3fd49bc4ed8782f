"""Grader of gradient_step. Bounds: rounding, 1e-15 for a step and its reference."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(9, 4), (5, 7), (12, 1), (1, 3)]  # n, d


def problem(rng, n, d):
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n)
    lam, lr = rng.uniform([0.6, 0.15], [0.9, 0.35])
    return X, y, rng.normal(size=d), rng.normal(size=d) + 1.0, float(lam), float(lr)


def slope(X, y, theta, theta0, lam):
    """∇J by the complex step, Im J(θ + ih e_i)/h: exact to rounding, no formula."""
    h = 1e-30

    def J(t):
        return np.sum((X @ t - y) ** 2) / (2 * len(y)) + lam * np.sum((t - theta0) ** 2)

    return np.array([J(theta + 1j * h * e).imag / h for e in np.eye(len(theta))])


def mistakes(X, y, theta, theta0, lam, lr):
    fit, pull = X.T @ (X @ theta - y) / len(y), 2 * lam * (theta - theta0)
    half, away = theta - lr * fit, theta - theta0
    later = theta - lr * pull

    def step(gradient):
        return theta - lr * gradient

    return {
        "λ instead of 2λ": step(fit + pull / 2),
        "the fit's gradient is not divided by n": step(len(y) * fit + pull),
        "the fit's gradient is divided by d, not by n": (
            step(len(y) / len(theta) * fit + pull)
        ),
        "the fit's gradient is that of ‖E‖²/n, twice too large": step(2 * fit + pull),
        "the fit's gradient is half as large: the ½ of J is in it still": (
            step(fit / 2 + pull)
        ),
        "the residual is y − Xθ: the data push away": step(-fit + pull),
        "the pull is divided by n too": step(fit + pull / len(y)),
        "the penalty is left out": half,
        "the data are left out": later,
        "the penalty pulls to 0, not to θ0": step(fit + 2 * lam * theta),
        "the penalty pushes away from θ0": step(fit - pull),
        "the pull is not multiplied by the learning rate": half - pull,
        "the data's gradient is not multiplied by the learning rate": later - fit,
        "the step goes up the gradient": step(-fit - pull),
        "the gradient is returned, not the new θ": fit + pull,
        "only the change of θ is returned": -lr * (fit + pull),
        "the step starts at θ0, not at θ": theta0 - lr * (fit + pull),
        "the pull is measured after the data's step": (
            half - lr * 2 * lam * (half - theta0)
        ),
        "the data's gradient is measured after the pull": (
            later - lr * X.T @ (X @ later - y) / len(y)
        ),
        "the gradient of ‖θ − θ0‖, without the square": (
            step(fit + lam * away / np.linalg.norm(away))
        ),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_one_step(student, rng, draw):
    """One step from a random θ."""
    given = X, y, theta, theta0, lam, lr = problem(rng, *draw)
    want = theta - lr * slope(X, y, theta, theta0, lam)
    compare(
        student.gradient_step(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(9.1)",
    )


@pytest.mark.draws(*SIZES)
def test_first_step(student, rng, draw):
    """At θ = θ0 the penalty does not pull: the first step is plain gradient descent."""
    X, y, _, theta0, lam, lr = problem(rng, *draw)
    fit = X.T @ (X @ theta0 - y) / len(y)
    compare(
        student.gradient_step(X, y, theta0, theta0, lam, lr),
        want=theta0 - lr * fit,
        mistakes={
            "the penalty pulls to 0, not to θ0": theta0 - lr * (fit + 2 * lam * theta0),
            "the step goes up the gradient": theta0 + lr * fit,
        },
        tol=TOL,
        equation="(9.1)",
    )


@pytest.mark.draws((60, 3), (35, 5))
def test_where_it_ends(student, rng, draw):
    """200 steps end at the closed form (9.3)."""
    X, y, theta, theta0, lam, _ = problem(rng, *draw)
    n, d = X.shape
    lr = 1 / (np.linalg.norm(X, 2) ** 2 / n + 2 * lam)  # one over the top curvature
    for _ in range(200):
        theta = student.gradient_step(X, y, theta, theta0, lam, lr)

    def end(c, start=theta0):
        return np.linalg.solve(X.T @ X + c * np.eye(d), X.T @ y + c * start)

    compare(
        theta,
        want=end(2 * n * lam),
        mistakes={
            "λ instead of 2λ": end(n * lam),
            "the penalty pulls to 0, not to θ0": end(2 * n * lam, 0 * theta0),
            "the penalty is left out": end(0.0),
            "the fit's gradient is not divided by n": end(2 * lam),
        },
        tol=TOL,  # each step shrinks the error by 1/3 or more: below 1e-30 after 200
        equation="(9.3)",
        called="gradient_step 200 times",
    )
