"""Grader of bias_only_optimum. Bounds: means and a small pinv, 1e-14, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(9, 4, 2), (6, 5, 3), (12, 3, 1), (4, 7, 6)]  # n, K, h: all different


def problem(rng, n, K, h):
    """Skew residuals; weights of 0 to 3, one of them 0."""
    F = rng.normal(size=(n, K)) + 1.0
    Y = F + rng.gamma(2.0, size=(n, K)) * rng.choice([-1.0, 1.0], K)
    W2 = rng.uniform(0.5, 2.0, (K, h)) * np.sign(rng.normal(size=(K, h)))
    weight = rng.permutation(np.linspace(0.2, 3, n))
    weight[rng.integers(n)] = 0.0
    return F, Y, rng.uniform(0.5, 1.5, K), rng.uniform(0.5, 1.5, h), W2, weight


def fit(F, Y, W, weight):
    """Least squares of all n·K residuals, each times √weight, on a shared change:
    (δ, loss drop)."""
    root = np.sqrt(weight / weight.sum())
    A = (root[:, None, None] * W).reshape(-1, W.shape[1])
    r = (root[:, None] * (Y - F)).ravel()
    delta = np.linalg.lstsq(A, r, rcond=None)[0]
    return delta, (r @ r - np.sum((r - A @ delta) ** 2)) / 2


def averages(F, Y, weight):
    """Averages of the residuals that are not Σ weight r / Σ weight."""
    r, mean = Y - F, weight @ (Y - F) / weight.sum()
    return {
        "the weights are left out": r.mean(0),
        "the weights are squared": weight**2 @ r / np.sum(weight**2),
        "rows of weight 0 are dropped, the others count once": r[weight > 0].mean(0),
        "divided by n, not by the sum of the weights": weight @ r / len(r),
        "a sum over the rows, not a mean": weight @ r,
        "the median residual": np.median(r, axis=0),
        "the residual has the wrong sign": -mean,
        "one mean over all outputs": np.full(r.shape[1], mean.mean()),
        "the largest weight counts alone": r[np.argmax(weight)],
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_last_bias(student, rng, draw):
    """The best last bias."""
    F, Y, b0, _, _, weight = problem(rng, *draw)
    delta, _ = fit(F, Y, np.eye(len(b0)), weight)
    compare(
        student.bias_only_optimum(F, Y, b0, weight)[0],
        want=b0 + delta,
        mistakes={name: b0 + r for name, r in averages(F, Y, weight).items()}
        | {
            "the mean target, not the mean residual": weight @ Y / weight.sum(),
            "b0 is missing": delta,
            "b0 was taken out of F first": 2 * b0 + delta,
        },
        tol=TOL,
        equation="(13.3)",
    )


@pytest.mark.draws(*SIZES)
def test_drop(student, rng, draw):
    """The loss that the last bias saves."""
    F, Y, b0, _, _, weight = problem(rng, *draw)
    delta, drop = fit(F, Y, np.eye(len(b0)), weight)
    total = weight @ np.sum((Y - F) ** 2, axis=1)
    known = {k: r @ r / 2 for k, r in averages(F, Y, weight).items() if "sign" not in k}
    compare(
        student.bias_only_optimum(F, Y, b0, weight)[1],
        want=drop,
        mistakes=known
        | {
            "the drop lacks its ½": 2 * drop,
            "the drop summed over the examples": drop * weight.sum(),
            "the loss at the start, not the drop": total / (2 * weight.sum()),
            "the loss that is left, not what was saved": (
                total / (2 * weight.sum()) - drop
            ),
            "the drop with the wrong sign": -drop,
            "the mean over the outputs, not the sum": drop / Y.shape[1],
            "‖δ‖, without the square": np.linalg.norm(delta) / 2,
        },
        tol=TOL,
        equation="(13.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_hidden_bias(student, rng, draw):
    """A hidden bias, narrower than the output: only a part of r̄ can be reached."""
    F, Y, _, b1, W2, weight = problem(rng, *draw)
    delta, _ = fit(F, Y, W2, weight)
    r = weight @ (Y - F) / weight.sum()
    back = np.linalg.pinv(W2)
    known = {name: b1 + back @ r for name, r in averages(F, Y, weight).items()}
    known |= {
        "W2ᵀ instead of its pseudo-inverse": b1 + W2.T @ r,
        "b1 is missing": delta,
        "the change of the output is returned: W2 δ": b1 + (W2.T @ W2) @ delta,
    }
    want = b1 + delta
    compare(
        student.hidden_bias(F, Y, b1, W2, weight)[0],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(13.4)",
    )


@pytest.mark.draws(*SIZES)
def test_hidden_drop(student, rng, draw):
    """The loss that the hidden bias saves."""
    F, Y, _, b1, W2, weight = problem(rng, *draw)
    delta, drop = fit(F, Y, W2, weight)
    r = weight @ (Y - F) / weight.sum()
    onto = W2 @ np.linalg.pinv(W2)
    others = {k: a for k, a in averages(F, Y, weight).items() if "sign" not in k}
    compare(
        student.hidden_bias(F, Y, b1, W2, weight)[1],
        want=drop,
        mistakes={name: a @ onto @ a / 2 for name, a in others.items()}
        | {
            "as if all of r̄ could be reached": r @ r / 2,
            "the part of r̄ that cannot be reached": r @ r / 2 - drop,
            "the drop of ‖δ‖²/2": delta @ delta / 2,
            "the hidden bias's drop lacks its ½": 2 * drop,
            "the drop with the wrong sign": -drop,
            "W2ᵀ instead of its pseudo-inverse": r @ W2 @ W2.T @ r / 2,
        },
        tol=TOL,
        equation="(13.4)",
    )


@pytest.mark.draws((9, 2, 5), (5, 3, 8), (7, 1, 4))
def test_wide_hidden_bias(student, rng, draw):
    """A hidden bias wider than the output: the nearest of many optima."""
    F, Y, _, b1, W2, weight = problem(rng, *draw)
    delta, drop = fit(F, Y, W2, weight)
    r = weight @ (Y - F) / weight.sum()
    far = np.linalg.pinv(W2) @ (r + W2 @ b1)
    compare(
        student.hidden_bias(F, Y, b1, W2, weight),
        want=(b1 + delta, drop),
        mistakes={
            "W2ᵀ instead of its pseudo-inverse": (
                b1 + W2.T @ r,
                r @ W2 @ W2.T @ r / 2,
            ),
            "b1 is missing": (delta, drop),
            "the smallest bias, not the one nearest to the start": (far, drop),
            "the weights are left out": (
                b1 + fit(F, Y, W2, weight * 0 + 1)[0],
                fit(F, Y, W2, weight * 0 + 1)[1],
            ),
        },
        tol=TOL,
        equation="(13.4)",
    )
