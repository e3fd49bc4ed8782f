"""Grader of norm_matching. Bounds: solves with condition numbers below 1e4, 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8


def problem(seed, n=30, C=5, K=7):
    """LayerNorm's output on features of unlike sizes, and targets of both widths."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, C)) * rng.uniform(0.5, 2, C) + np.linspace(-1.5, 1.5, C)
    Xhat = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)
    wide = np.tanh(X) + 0.5 * rng.normal(size=(n, C)) + 1.0
    return Xhat, wide, rng.normal(size=(n, K)) + 1.0, rng.normal(size=(K, C))


def regress(Xhat, Y):
    """γ and β by least squares with an intercept, one feature after the other."""
    one = np.ones(len(Y))
    fits = [
        np.linalg.lstsq(np.stack([x, one], 1), y, rcond=None)[0]
        for x, y in zip(Xhat.T, Y.T)
    ]
    return tuple(np.array(fits).T)


def through(Xhat, Y, W):
    """γ by least squares on all n·K outputs: row (i, k) of the design is W_k ∘ x̂_i."""
    A = (Xhat[:, None] * W).reshape(-1, Xhat.shape[1])
    return np.linalg.lstsq(A, Y.ravel(), rcond=None)[0]


def slopes(Xhat, Y):
    """γ with each named mistake."""
    x, y = Xhat - Xhat.mean(0), Y - Y.mean(0)
    cov, sx, sy, n = (x * y).mean(0), Xhat.std(0), Y.std(0), len(x)
    rows_x, rows_y = (a - a.mean(1, keepdims=True) for a in (Xhat, Y))
    return {
        "γ from moments that are not centred": (Xhat * Y).mean(0) / (Xhat**2).mean(0),
        "γ is the ratio of standard deviations": sy / sx,
        "γ is the correlation": cov / (sx * sy),
        "γ is the covariance, not divided": cov,
        "divided by the standard deviation, not the variance": cov / sx,
        "the slope of x̂ on y: divided by var(y)": cov / sy**2,
        "one γ for all features": np.full(len(cov), cov.sum() / np.sum(sx**2)),
        "n − 1 in the covariance, n in the variance": cov / sx**2 * n / (n - 1),
        "moments along each row, not over the batch": (
            (rows_x * rows_y).mean(0) / (rows_x**2).mean(0)
        ),
    }


@pytest.mark.points(2)
def test_gamma(student, seed):
    """γ, the slope of each feature."""
    Xhat, Y, _, _ = problem(seed)
    compare(
        student.norm_matching(Xhat, Y)[0],
        want=regress(Xhat, Y)[0],
        mistakes=slopes(Xhat, Y),
        tol=TOL,
        equation="(13.5)",
    )


def test_beta(student, seed):
    """β, the intercept."""
    Xhat, Y, _, _ = problem(seed)
    compare(
        student.norm_matching(Xhat, Y)[1],
        want=regress(Xhat, Y)[1],
        mistakes={
            "β is the mean target; γ·mean(x̂) is forgotten": Y.mean(0),
            "β adds γ·mean(x̂), it must subtract it": Y.mean(0)
            + slopes(Xhat, Y)["γ is the covariance, not divided"]
            / Xhat.var(0)
            * Xhat.mean(0),
            "β subtracts mean(x̂) without γ": Y.mean(0) - Xhat.mean(0),
        }
        | {k: Y.mean(0) - g * Xhat.mean(0) for k, g in slopes(Xhat, Y).items()},
        tol=TOL,
        equation="(13.5)",
    )


@pytest.mark.points(2)
def test_readout(student, seed):
    """γ under a frozen dense read-out: the features are coupled."""
    _, X, Y, W = problem(seed)
    Xhat = X / np.sqrt((X**2).mean(1, keepdims=True))  # RMSNorm, which has no β
    n = len(Y)
    S, C, G = Xhat.T @ Xhat / n, Y.T @ Xhat / n, W.T @ W
    target = np.diag(W.T @ C)
    compare(
        student.norm_under_readout(Xhat, Y, W),
        want=through(Xhat, Y, W),
        mistakes={
            "a matrix product in place of ∘": lambda: np.linalg.solve(G @ S, target),
            "S is left out": lambda: np.linalg.solve(G, target),
            "each feature by itself, as if W did not couple them": (
                target / np.diag(G * S)
            ),
            "the row sums of WᵀC, not its diagonal": lambda: np.linalg.solve(
                G * S, (W.T @ C).sum(1)
            ),
            "n is in C alone": through(Xhat, Y, W) / n,
            "W is undone first, then each feature by itself": (
                (Xhat * (Y @ np.linalg.pinv(W).T)).mean(0) / (Xhat**2).mean(0)
            ),
            "centred moments, as if there were a β": through(
                Xhat - Xhat.mean(0), Y - Y.mean(0), W
            ),
        },
        tol=TOL,
        equation="(13.6)",
    )


def test_diagonal_readout(student, seed):
    """With a diagonal read-out the features are independent, without an intercept."""
    Xhat, Y, _, _ = problem(seed)
    w = np.linspace(0.5, 2.0, Y.shape[1])
    compare(
        student.norm_under_readout(Xhat, Y, np.diag(w)),
        want=(Xhat * Y).sum(0) / (Xhat**2).sum(0) / w,
        tol=TOL,
        equation="(13.6)",
    )
