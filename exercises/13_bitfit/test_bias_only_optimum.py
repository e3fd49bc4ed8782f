"""Grader of bias_only_optimum. Bounds: means and a small pinv, 1e-14, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, n=9, K=4, h=2):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(n, K)) + 1.0
    Y = F + rng.gamma(2.0, size=(n, K)) * rng.choice([-1.0, 1.0], K)  # skew residuals
    W2 = rng.uniform(0.5, 2.0, (K, h)) * np.sign(rng.normal(size=(K, h)))
    return F, Y, rng.uniform(0.5, 1.5, K), rng.uniform(0.5, 1.5, h), W2


def fit(F, Y, W):
    """Least squares of all n·K residuals on a shared change: (δ, loss drop)."""
    n = len(F)
    A, r = np.tile(W, (n, 1)), (Y - F).ravel()
    delta = np.linalg.lstsq(A, r, rcond=None)[0]
    return delta, (r @ r - np.sum((r - A @ delta) ** 2)) / (2 * n)


@pytest.mark.points(2)
def test_last_bias(student, seed):
    """The best last bias."""
    F, Y, b0, _, _ = problem(seed)
    delta, _ = fit(F, Y, np.eye(len(b0)))
    compare(
        student.bias_only_optimum(F, Y, b0)[0],
        want=b0 + delta,
        mistakes={
            "the mean target, not the mean residual": Y.mean(0),
            "b0 is missing": delta,
            "the residual has the wrong sign": b0 - delta,
            "the sum of the residuals, not their mean": b0 + len(Y) * delta,
            "the median residual": b0 + np.median(Y - F, axis=0),
            "one mean over all outputs": b0 + np.mean(Y - F),
            "b0 was taken out of F first": 2 * b0 + delta,
        },
        tol=TOL,
        equation="(13.3)",
    )


def test_drop(student, seed):
    """The loss that the last bias saves."""
    F, Y, b0, _, _ = problem(seed)
    _, drop = fit(F, Y, np.eye(len(b0)))
    compare(
        student.bias_only_optimum(F, Y, b0)[1],
        want=drop,
        mistakes={
            "the drop lacks its ½": 2 * drop,
            "the sum of the residuals, not their mean": drop * len(Y) ** 2,
            "the drop summed over the examples": drop * len(Y),
            "the loss that is left, not what was saved": (
                np.sum((Y - F) ** 2) / (2 * len(Y)) - drop
            ),
            "the drop with the wrong sign": -drop,
        },
        tol=TOL,
        equation="(13.3)",
    )


@pytest.mark.points(2)
def test_hidden_bias(student, seed):
    """A hidden bias, narrower than the output: only a part of r̄ can be reached."""
    F, Y, _, b1, W2 = problem(seed)
    delta, drop = fit(F, Y, W2)
    r = (Y - F).mean(0)
    compare(
        student.hidden_bias(F, Y, b1, W2)[0],
        want=b1 + delta,
        mistakes={
            "W2ᵀ in place of its pseudo-inverse": b1 + W2.T @ r,
            "b1 is missing": delta,
            "the change of b1 has the wrong sign": b1 - delta,
        },
        tol=TOL,
        equation="(13.4)",
    )
    compare(
        student.hidden_bias(F, Y, b1, W2)[1],
        want=drop,
        mistakes={
            "as if all of r̄ could be reached": r @ r / 2,
            "the drop of ‖δ‖²/2": delta @ delta / 2,
            "the hidden bias's drop lacks its ½": 2 * drop,
        },
        tol=TOL,
        equation="(13.4)",
    )


def test_wide_hidden_bias(student, seed):
    """A hidden bias wider than the output: the nearest of many optima."""
    F, Y, _, _, W2 = problem(seed, K=2, h=5)
    b1 = np.arange(1.0, 6.0)
    delta, drop = fit(F, Y, W2)
    r = (Y - F).mean(0)
    compare(
        student.hidden_bias(F, Y, b1, W2),
        want=(b1 + delta, drop),
        mistakes={
            "W2ᵀ in place of its pseudo-inverse": (
                b1 + W2.T @ r,
                r @ W2 @ W2.T @ r / 2,
            ),
            "b1 is missing": (delta, drop),
        },
        tol=TOL,
        equation="(13.4)",
    )
