"""Grader of closed_form. All bounds: a well-conditioned solve errs by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(11, 4, 3), (14, 3, 5), (9, 5, 2), (12, 6, 1)]  # n, d, K: all different


def problem(rng, n, d, K):
    """Weights of 0 (a row that does not count) to 3."""
    X = rng.normal(size=(n, d))
    Y = X @ rng.normal(size=(d, K)) + rng.normal(size=(n, K))
    weight = rng.permutation(np.linspace(0, 3, n)) + rng.uniform(0, 0.2)
    weight[rng.integers(n)] = 0.0
    return X, Y, rng.normal(size=(d, K)) + 1.0, rng.uniform(0.2, 0.5), weight


def solve(X, Y, Theta0, c, weight):
    """The residual form (9.5) on rows times √weight: another way to the minimiser."""
    root = np.sqrt(weight)[:, None]
    X, Y = root * X, root * Y
    A = X.T @ X + c * np.eye(X.shape[1])
    return Theta0 + np.linalg.solve(A, X.T @ (Y - X @ Theta0))


def wrong_ends(X, Y, Theta0, c, weight):
    """What goes wrong with Θ0 and the weights whatever the constant."""
    XW, one = X.T * weight, np.ones(len(X))
    A = XW @ X + c * np.eye(X.shape[1])

    def end(right):
        return np.linalg.solve(A, right)

    def other(weight):
        return solve(X, Y, Theta0, c, weight)

    return {
        "the penalty pulls to 0, not to Θ0": end(XW @ Y),
        "minus c·Θ0 instead of plus": end(XW @ Y - c * Theta0),
        "Θ0 is not multiplied by c": end(XW @ Y + Theta0),
        "Θ0 was added to the ridge solution": Theta0 + end(XW @ Y),
        "the weights are left out": other(one),
        "the weights are squared": other(weight**2),
        "√weight instead of weight": other(np.sqrt(weight)),
        "the weights are in XᵀX only": end(X.T @ Y + c * Theta0),
        "the weights are in XᵀY only": np.linalg.solve(
            X.T @ X + c * np.eye(X.shape[1]), XW @ Y + c * Theta0
        ),
        "rows of weight 0 are dropped, the others count once": other(weight > 0),
        "all entries of XᵀX are raised by c, not its diagonal": np.linalg.lstsq(
            XW @ X + c, XW @ Y + c * Theta0
        )[0],
    }


def check(student, rng, sizes, loss, right, factors):
    """right, factors: {mistake: c/λ}, of (w, n, d, K)."""
    X, Y, Theta0, lam, weight = problem(rng, *sizes)
    n, K = Y.shape
    given = weight.sum(), n, X.shape[1], K
    c = lam * right(*given)
    want = solve(X, Y, Theta0, c, weight)
    known = wrong_ends(X, Y, Theta0, c, weight) | {
        said: solve(X, Y, Theta0, lam * factor(*given), weight)
        for said, factor in factors.items()
    }
    extra = () if loss == "half_mean" else (loss,)
    compare(
        student.closed_form(X, Y, Theta0, lam, weight, *extra),
        want=want,
        mistakes={k: v for k, v in known.items() if not np.allclose(v, want, 1e-6)},
        tol=TOL,
        equation="(9.3)" if loss == "half_mean" else "(9.4)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_half_mean(student, rng, draw):
    """The minimiser for the course's loss, Σ weight ‖E‖²/(2w)."""
    wrong = {
        "w·λ instead of 2w·λ": lambda w, n, d, K: w,
        "2·λ instead of 2w·λ": lambda w, n, d, K: 2,
        "λ instead of 2w·λ": lambda w, n, d, K: 1,
        "n instead of w, the sum of the weights": lambda w, n, d, K: 2 * n,
        "d instead of w": lambda w, n, d, K: 2 * d,
        "c divides instead of multiplying: λ/(2w)": lambda w, n, d, K: 1 / (2 * w),
    }
    check(student, rng, draw, "half_mean", lambda w, n, d, K: 2 * w, wrong)


@pytest.mark.draws(*SIZES)
def test_mean(student, rng, draw):
    """The constant of PyTorch's MSELoss, the mean over all entries."""
    wrong = {
        "K forgotten: w·λ instead of w·K·λ": lambda w, n, d, K: w,
        "2w·λ instead of w·K·λ": lambda w, n, d, K: 2 * w,
        "2w·K·λ instead of w·K·λ": lambda w, n, d, K: 2 * w * K,
        "n instead of w, the sum of the weights": lambda w, n, d, K: n * K,
        "d instead of K": lambda w, n, d, K: w * d,
        "w/K instead of w·K": lambda w, n, d, K: w / K,
    }
    check(student, rng, draw, "mean", lambda w, n, d, K: w * K, wrong)


@pytest.mark.draws(*SIZES)
def test_half_sum(student, rng, draw):
    """The constant of Σ weight ‖E‖²/2: no w at all."""
    wrong = {
        "λ instead of 2·λ": lambda w, n, d, K: 1,
        "4·λ instead of 2·λ": lambda w, n, d, K: 4,
        "w·λ instead of 2·λ": lambda w, n, d, K: w,
        "2w·λ instead of 2·λ": lambda w, n, d, K: 2 * w,
    }
    check(student, rng, draw, "half_sum", lambda w, n, d, K: 2, wrong)


@pytest.mark.draws(*SIZES)
def test_sum(student, rng, draw):
    """The constant of Σ weight ‖E‖²."""
    wrong = {
        "λ/2 instead of λ": lambda w, n, d, K: 0.5,
        "2·λ instead of λ": lambda w, n, d, K: 2,
        "w·λ instead of λ": lambda w, n, d, K: w,
    }
    check(student, rng, draw, "sum", lambda w, n, d, K: 1, wrong)


@pytest.mark.draws((8, 3, 2), (5, 4, 3), (3, 5, 2))
def test_perfect_start(student, rng, draw):
    """When Θ0 fits perfectly it is the answer, whatever λ; n may be below d."""
    X, _, Theta0, lam, weight = problem(rng, *draw)
    Y = X @ Theta0
    every = wrong_ends(X, Y, Theta0, 2 * weight.sum() * lam, weight)
    names = [name for name in every if "Θ0" in name or "only" in name]
    compare(
        student.closed_form(X, Y, Theta0, lam, weight),
        want=Theta0,
        mistakes={name: every[name] for name in names},
        tol=TOL,
        equation="(9.5)",
    )


@pytest.mark.draws((10, 4, 3), (7, 3, 5))
def test_no_penalty(student, rng, draw):
    """λ = 0 is ordinary least squares, rows counted by their weights."""
    X, Y, Theta0, _, weight = problem(rng, *draw)
    root = np.sqrt(weight)[:, None]
    compare(
        student.closed_form(X, Y, Theta0, 0.0, weight, "sum"),
        want=np.linalg.lstsq(root * X, root * Y, rcond=None)[0],
        mistakes={
            "the weights are left out": np.linalg.lstsq(X, Y, rcond=None)[0],
            "the weights are squared": np.linalg.lstsq(root**2 * X, root**2 * Y)[0],
        },
        tol=TOL,
        equation="(9.8)",
    )
