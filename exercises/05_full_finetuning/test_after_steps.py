"""Grader of after_steps. The reference walks; bounds: rounding of 30 steps, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(4, 7, 5), (9, 3, 8), (5, 5, 2), (1, 4, 6), (12, 1, 3)]  # n, d, steps


def problem(rng, n, d, steps):
    X = rng.normal(size=(n, d))
    y, theta0 = rng.normal(size=n) + 1.0, rng.normal(size=d) + 1.0
    lr = 0.7 * n / np.linalg.norm(X, 2) ** 2  # stable: below 2n/s²
    return X, y, theta0, float(lr), steps


def walked(X, y, theta, lr, steps):
    for _ in range(steps):
        theta = theta - lr * X.T @ (X @ theta - y) / len(y)
    return theta


def mistakes(X, y, theta0, lr, steps):
    n, (U, s, Vt) = len(y), np.linalg.svd(X, full_matrices=False)
    h, gap = s**2 / n, U.T @ (y - X @ theta0)

    def end(share, gap=gap, by=s, start=theta0):
        return start + Vt.T @ (share / by * gap)

    share = 1 - (1 - lr * h) ** steps
    return {
        "η s² is not divided by n": end(1 - (1 - lr * n * h) ** steps),
        "2η s²/n: the ½ of the loss is lost": end(1 - (1 - 2 * lr * h) ** steps),
        "s instead of s²": end(1 - (1 - lr * s / n) ** steps),
        "d instead of n": end(1 - (1 - lr * s**2 / len(theta0)) ** steps),
        "one step too few": end(1 - (1 - lr * h) ** (steps - 1)),
        "one step too many": end(1 - (1 - lr * h) ** (steps + 1)),
        "the share that is left, not the share that is done": end(
            (1 - lr * h) ** steps
        ),
        "exp(−η t s²/n) instead of (1 − η s²/n)^t": end(1 - np.exp(-lr * h * steps)),
        "t·η s²/n: the steps do not slow down": end(steps * lr * h),
        "not divided by s": end(share, by=1.0),
        "multiplied by s instead of divided": end(share, by=1 / s),
        "the residual is y, not y − Xθ0": end(share, U.T @ y),
        "the residual has the wrong sign": end(share, -gap),
        "θ0 is left out: only the change is returned": end(share, start=0.0),
        "the end of the way, not its share": end(1.0),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_after_some_steps(student, rng, draw):
    """θ after 2 to 8 steps."""
    given = problem(rng, *draw)
    want = walked(*given)
    compare(
        student.after_steps(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(5.3)",
    )


@pytest.mark.draws((4, 6, 0), (7, 2, 0))
def test_no_step(student, rng, draw):
    """No step: the start."""
    given = problem(rng, *draw)
    compare(
        student.after_steps(*given),
        want=given[2],
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(5.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_the_end(student, rng, draw):
    """The limit: least squares if n >= d, else the interpolant nearest to θ0."""
    X, y, theta0, *_ = problem(rng, *draw)
    n, d = X.shape
    gap = y - X @ theta0
    change = (
        X.T @ np.linalg.solve(X @ X.T, gap)
        if n < d
        else np.linalg.solve(X.T @ X, X.T @ gap)
    )
    want, inverse = theta0 + change, np.linalg.pinv(X)
    known = {
        "the start is forgotten: X⁺y": inverse @ y,
        "the residual is y, not y − Xθ0": theta0 + inverse @ y,
        "the residual has the wrong sign": theta0 - change,
        "Xᵀ instead of X⁺": theta0 + X.T @ gap,
        "θ0 is left out: only the change is returned": change,
        "the end is divided by n": theta0 + change / n,
    }
    compare(
        student.where_it_ends(X, y, theta0),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(5.2)",
    )
