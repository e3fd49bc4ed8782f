"""Grader of norm_matching. Bounds: solves with condition numbers below 1e4, 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(30, 5, 7), (24, 4, 6), (41, 3, 9)]  # n, C, K: all different


def problem(rng, n, C, K):
    """LayerNorm's output on features of unlike sizes, targets of both widths, and rows
    of padding that hold large numbers and count 0 times."""
    X = rng.normal(size=(n, C)) * rng.uniform(0.5, 2, C) + np.linspace(-1.5, 1.5, C)
    Xhat = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)
    wide = np.tanh(X) + 0.5 * rng.normal(size=(n, C)) + 1.0
    narrow, weight = rng.normal(size=(n, K)) + 1.0, rng.uniform(0.3, 2.5, n)
    padding = rng.permutation(n)[: n // 5]
    weight[padding], wide[padding], narrow[padding] = 0.0, 9.0, -9.0
    return Xhat, wide, narrow, rng.normal(size=(K, C)), weight


def regress(Xhat, Y, weight):
    """γ and β by least squares with an intercept, one feature after the other."""
    root, fits = np.sqrt(weight), []
    for x, y in zip(Xhat.T, Y.T):
        A = np.stack([root * x, root], 1)
        fits.append(np.linalg.lstsq(A, root * y, rcond=None)[0])
    return tuple(np.array(fits).T)


def through(Xhat, Y, W, weight):
    """γ by least squares on all n·K outputs: row (i, k) of the design is W_k ∘ x̂_i."""
    root = np.sqrt(weight)[:, None]
    A = ((root * Xhat)[:, None] * W).reshape(-1, Xhat.shape[1])
    return np.linalg.lstsq(A, (root * Y).ravel(), rcond=None)[0]


def slopes(Xhat, Y, weight):
    """γ with each named mistake."""
    w, one = weight / weight.sum(), np.ones(len(weight))
    mx, my, n = w @ Xhat, w @ Y, len(w)
    x, y = Xhat - mx, Y - my
    cov, vx, vy = w @ (x * y), w @ (x * x), w @ (y * y)
    rows_x, rows_y = (a - a.mean(1, keepdims=True) for a in (Xhat, Y))
    plain_x, plain_y = Xhat - Xhat.mean(0), Y - Y.mean(0)
    return {
        "γ from moments that are not centred": w @ (Xhat * Y) / (w @ Xhat**2),
        "γ is the ratio of standard deviations": np.sqrt(vy / vx),
        "γ is the correlation": cov / np.sqrt(vx * vy),
        "γ is the covariance, not divided": cov,
        "divided by the standard deviation, not the variance": cov / np.sqrt(vx),
        "the slope of x̂ on y: divided by var(y)": cov / vy,
        "γ is upside down: var/cov": vx / cov,
        "the sign of γ is wrong": -cov / vx,
        "one γ for all features": np.full(len(cov), cov.sum() / vx.sum()),
        "n − 1 in the covariance, n in the variance": cov / vx * n / (n - 1),
        "moments along each row, not over the batch": (
            w @ (rows_x * rows_y) / (w @ rows_x**2)
        ),
        "the weights are left out": regress(Xhat, Y, one)[0],
        "rows of weight 0 are dropped, the others count once": (
            regress(Xhat, Y, one * (weight > 0))[0]
        ),
        "the weights are squared": regress(Xhat, Y, weight**2)[0],
        "the means are taken without the weights": (
            w @ (plain_x * plain_y) / (w @ plain_x**2)
        ),
        "only the means are weighted": (x * y).mean(0) / (x * x).mean(0),
    }


def shifts(Xhat, Y, weight):
    """β with each named mistake."""
    w, gamma = weight / weight.sum(), regress(Xhat, Y, weight)[0]
    mx, my = w @ Xhat, w @ Y
    wrong = {name: my - g * mx for name, g in slopes(Xhat, Y, weight).items()}
    for name, v in (
        ("the weights are left out", np.ones(len(w))),
        ("rows of weight 0 are dropped, the others count once", 1.0 * (weight > 0)),
        ("the weights are squared", weight**2),
    ):
        wrong[name] = regress(Xhat, Y, v)[1]
    return wrong | {
        "β is the mean target; γ·mean(x̂) is forgotten": my,
        "β adds γ·mean(x̂), it must subtract it": my + gamma * mx,
        "β subtracts mean(x̂) without γ": my - mx,
        "β is not the mean but the sum": weight.sum() * (my - gamma * mx),
        "the means in β are taken without the weights": Y.mean(0)
        - gamma * Xhat.mean(0),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_gamma(student, rng, draw):
    """γ, the slope of each feature."""
    Xhat, Y, _, _, weight = problem(rng, *draw)
    compare(
        student.norm_matching(Xhat, Y, weight)[0],
        want=regress(Xhat, Y, weight)[0],
        mistakes=slopes(Xhat, Y, weight)
        | {"γ and β are returned in the wrong order": regress(Xhat, Y, weight)[1]},
        tol=TOL,
        equation="(13.5)",
    )


@pytest.mark.draws(*SIZES)
def test_beta(student, rng, draw):
    """β, the intercept."""
    Xhat, Y, _, _, weight = problem(rng, *draw)
    compare(
        student.norm_matching(Xhat, Y, weight)[1],
        want=regress(Xhat, Y, weight)[1],
        mistakes=shifts(Xhat, Y, weight),
        tol=TOL,
        equation="(13.5)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_readout(student, rng, draw):
    """γ under a frozen dense read-out: the features are coupled."""
    _, X, Y, W, weight = problem(rng, *draw)
    Xhat = X / np.sqrt((X**2).mean(1, keepdims=True))  # RMSNorm, which has no β
    n, w = len(Y), weight[:, None] / weight.sum()
    S, C, G = Xhat.T @ (w * Xhat), Y.T @ (w * Xhat), W.T @ W
    target, one = np.diag(W.T @ C), np.ones(n)
    middle = (w * Xhat).sum(0), (w * Y).sum(0)

    def plain(matrix, right=target):
        return np.linalg.lstsq(matrix, right, rcond=None)[0]

    known = {
        "a matrix product instead of ∘": plain(G @ S),
        "S is left out": plain(G),
        "WᵀW is left out": plain(S),
        "each feature by itself, as if W did not couple them": target / np.diag(G * S),
        "the row sums of WᵀC, not its diagonal": plain(G * S, (W.T @ C).sum(1)),
        "the sums over the rows are divided by n in C alone": (
            through(Xhat, Y, W, weight) / n
        ),
        "W is undone first, then each feature by itself": (
            (w * Xhat * (Y @ np.linalg.pinv(W).T)).sum(0) / (w * Xhat**2).sum(0)
        ),
        "centred moments, as if there were a β": through(
            Xhat - middle[0], Y - middle[1], W, weight
        ),
        "the sign of γ is wrong": -through(Xhat, Y, W, weight),
        "the weights are left out": through(Xhat, Y, W, one),
        "the weights are in C only": plain(G * (Xhat.T @ Xhat), target * weight.sum()),
        "the weights are in S only": plain(
            G * S * weight.sum(), np.diag(W.T @ Y.T @ Xhat)
        ),
        "the weights are squared": through(Xhat, Y, W, weight**2),
        "rows of weight 0 are dropped, the others count once": (
            through(Xhat, Y, W, 1.0 * (weight > 0))
        ),
    }
    want = through(Xhat, Y, W, weight)
    compare(
        student.norm_under_readout(Xhat, Y, W, weight),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(13.6)",
    )


@pytest.mark.draws((17, 4, 2), (31, 6, 3), (12, 5, 1))
def test_narrow_readout(student, rng, draw):
    """A read-out narrower than the features, which W alone cannot tell apart."""
    _, X, Y, W, weight = problem(rng, *draw)
    compare(
        student.norm_under_readout(X, Y, W, weight),
        want=through(X, Y, W, weight),
        mistakes={
            "the weights are left out": through(X, Y, W, 0 * weight + 1),
            "the weights are squared": through(X, Y, W, weight**2),
        },
        tol=TOL,
        equation="(13.6)",
    )


@pytest.mark.draws(*SIZES)
def test_diagonal_readout(student, rng, draw):
    """With a diagonal read-out the features are independent, without an intercept."""
    Xhat, Y, _, _, weight = problem(rng, *draw)
    scale = np.linspace(0.5, 2.0, Y.shape[1])
    want = (weight @ (Xhat * Y)) / (weight @ Xhat**2) / scale
    compare(
        student.norm_under_readout(Xhat, Y, np.diag(scale), weight),
        want=want,
        mistakes={
            "the weights are left out": (Xhat * Y).sum(0) / (Xhat**2).sum(0) / scale,
            "WᵀW is left out": want * scale**2,
            "the sign of γ is wrong": -want,
        },
        tol=TOL,
        equation="(13.6)",
    )
