"""Grader of closed_form. All bounds: a well-conditioned solve errs by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(11, 4, 3), (14, 3, 5), (9, 5, 2), (12, 6, 1)]  # n, d, K: all different


def problem(rng, n, d, K):
    """Random data; every fourth example has weight 0."""
    X = rng.normal(size=(n, d))
    Y = X @ rng.normal(size=(d, K)) + rng.normal(size=(n, K))
    weights = rng.uniform(0.4, 2.5, n)
    weights[3::4] = 0
    return X, Y, rng.normal(size=(d, K)) + 1.0, weights, rng.uniform(0.2, 0.5)


def solve(X, Y, Theta0, weights, c):
    """The residual form (9.5), rows multiplied by √u: another way to the minimiser."""
    root = np.sqrt(weights)[:, None]
    rows, away = root * X, root * (Y - X @ Theta0)
    A = rows.T @ rows + c * np.eye(X.shape[1])
    return Theta0 + np.linalg.solve(A, rows.T @ away)


def wrong_ends(X, Y, Theta0, weights, c):
    """What goes wrong with Θ0 or with the weights, whatever the constant."""
    u = weights[:, None]
    G, right = X.T @ (u * X), X.T @ (u * Y)
    A = G + c * np.eye(X.shape[1])

    def end(right, A=A):
        return np.linalg.solve(A, right)

    return {
        "the penalty pulls to 0, not to Θ0": end(right),
        "minus c·Θ0 instead of plus": end(right - c * Theta0),
        "Θ0 is not multiplied by c": end(right + Theta0),
        "Θ0 was added to the ridge solution": Theta0 + end(right),
        "all entries of XᵀX are raised by c, not its diagonal": np.linalg.lstsq(
            G + c, right + c * Theta0
        )[0],
        "the weights are ignored": solve(X, Y, Theta0, 1 + 0 * weights, c),
        "the weights are in XᵀX but not in XᵀY": end(X.T @ Y + c * Theta0),
        "the weights are in XᵀY but not in XᵀX": end(
            right + c * Theta0, A - G + X.T @ X
        ),
        "the weights are squared: rows of X and Y multiplied by u, not by √u": (
            solve(X, Y, Theta0, weights**2, c)
        ),
        "an example of weight 0 is counted in full": (
            solve(X, Y, Theta0, np.where(weights, weights, 1), c)
        ),
    }


def check(student, rng, sizes, loss, right, factors):
    """right, factors: {mistake: c/λ}, of (n, d, K)."""
    X, Y, Theta0, weights, lam = problem(rng, *sizes)
    given, total = (X, Y, Theta0, weights), weights.sum()
    c = lam * right(*sizes)
    want = solve(*given, c)
    factors = factors | {
        "n is taken for the sum of the weights": lambda n, d, K: right(total, d, K)
    }
    known = wrong_ends(*given, c) | {
        said: solve(*given, lam * factor(*sizes)) for said, factor in factors.items()
    }
    extra = () if loss == "half_mean" else (loss,)
    compare(
        student.closed_form(*given, lam, *extra),
        want=want,
        mistakes={k: v for k, v in known.items() if not np.allclose(v, want, 1e-6)},
        tol=TOL,
        equation="(9.3)" if loss == "half_mean" else "(9.4)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_half_mean(student, rng, draw):
    """The minimiser for the course's loss, ‖E‖²/(2n)."""
    wrong = {
        "n·λ instead of 2n·λ": lambda n, d, K: n,
        "2·λ instead of 2n·λ": lambda n, d, K: 2,
        "λ instead of 2n·λ": lambda n, d, K: 1,
        "d instead of n": lambda n, d, K: 2 * d,
        "c divides instead of multiplying: λ/(2n)": lambda n, d, K: 1 / (2 * n),
    }
    check(student, rng, draw, "half_mean", lambda n, d, K: 2 * n, wrong)


@pytest.mark.draws(*SIZES)
def test_mean(student, rng, draw):
    """The constant of PyTorch's MSELoss, the mean over all entries."""
    wrong = {
        "K forgotten: n·λ instead of n·K·λ": lambda n, d, K: n,
        "2n·λ instead of n·K·λ": lambda n, d, K: 2 * n,
        "2n·K·λ instead of n·K·λ": lambda n, d, K: 2 * n * K,
        "d instead of K": lambda n, d, K: n * d,
        "n/K instead of n·K": lambda n, d, K: n / K,
    }
    check(student, rng, draw, "mean", lambda n, d, K: n * K, wrong)


@pytest.mark.draws(*[(loss, *sizes) for loss in ("half_sum", "sum") for sizes in SIZES])
def test_sums(student, rng, draw):
    """The constants of ‖E‖²/2 and ‖E‖²: no n at all."""
    loss, *sizes = draw
    right = {"half_sum": 2, "sum": 1}[loss]
    wrong = {
        f"{name} instead of {'2·λ' if right == 2 else 'λ'}": factor
        for name, factor in {
            "λ/2": lambda n, d, K: 0.5,
            "λ": lambda n, d, K: 1,
            "2·λ": lambda n, d, K: 2,
            "4·λ": lambda n, d, K: 4,
            "n·λ": lambda n, d, K: n,
            "2n·λ": lambda n, d, K: 2 * n,
        }.items()
        if factor(0, 0, 0) != right
    }
    check(student, rng, tuple(sizes), loss, lambda n, d, K: right, wrong)


@pytest.mark.draws((8, 3, 2), (5, 4, 3), (3, 5, 2))
def test_perfect_start(student, rng, draw):
    """When Θ0 fits perfectly it is the answer, whatever λ; n may be below d."""
    X, _, Theta0, weights, lam = problem(rng, *draw)
    Y = X @ Theta0
    every = wrong_ends(X, Y, Theta0, weights, 2 * len(X) * lam)
    names = [name for name in every if "Θ0" in name]
    compare(
        student.closed_form(X, Y, Theta0, weights, lam),
        want=Theta0,
        mistakes={name: every[name] for name in names},
        tol=TOL,
        equation="(9.5)",
    )


@pytest.mark.draws((10, 4, 3), (7, 3, 5))
def test_no_penalty(student, rng, draw):
    """λ = 0 is ordinary least squares, of the examples that have a weight."""
    X, Y, Theta0, weights, _ = problem(rng, *draw)
    root = np.sqrt(weights)[:, None]
    want = np.linalg.lstsq(root * X, root * Y, rcond=None)[0]
    compare(
        student.closed_form(X, Y, Theta0, weights, 0.0, "sum"),
        want=want,
        mistakes={"Θ0 was added to the ridge solution": want + Theta0},
        tol=TOL,
        equation="(9.8)",
    )
