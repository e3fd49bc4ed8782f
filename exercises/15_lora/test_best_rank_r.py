"""Grader of best_rank_r. Bounds: two SVDs and a solve of condition 100 err by 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
SIZES = [  # n, out, in, r: no two sizes of a draw are equal
    (40, 5, 6, 2),
    (31, 7, 4, 3),
    (25, 6, 9, 1),
    (23, 4, 3, 2),
]
FEW = [(5, 6, 9, 2), (2, 4, 8, 1)]  # fewer examples than inputs


def problem(rng, n, out, inputs, r):
    """Inputs as behind a ReLU, positive and of very different sizes: far from white."""
    X = rng.uniform(0.1, 2, size=(n, inputs)) * np.geomspace(0.4, 3, inputs)
    W0 = rng.normal(size=(out, inputs)) + 1.0
    Y = X @ rng.normal(size=(inputs, out)) + 2 * rng.normal(size=(n, out))
    return X, Y, W0, r, rng.uniform(1.6, 2.9)


def loss(X, Y, W):
    return np.sum((X @ W.T - Y) ** 2) / (2 * len(X))


def truncated(M, r):
    U, S, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * S[:r]) @ Vt[:r]


def left(M, r, D):
    """D projected on the r first left singular vectors of M."""
    U = np.linalg.svd(M)[0][:, :r]
    return U @ U.T @ D


def reference(X, Y, W0, r):
    """Through the outputs: the best rank-r matrix of fitted changes X Dᵀ, solved for ΔW."""
    fit = truncated(X @ np.linalg.pinv(X) @ (Y - X @ W0.T), r)
    return (np.linalg.pinv(X) @ fit).T


def parts(X, Y, W0):
    """W_OLS, D and Σ^½ (from the SVD of X) for the named mistakes."""
    W = (np.linalg.pinv(X) @ Y).T
    _, S, Vt = np.linalg.svd(X / len(X) ** 0.5, full_matrices=False)
    return W, W - W0, (Vt.T * S) @ Vt


def wrong_updates(X, Y, W0, r, s):
    W, D, root = parts(X, Y, W0)
    right = reference(X, Y, W0, r)
    Vt = np.linalg.svd(D @ root)[2]
    low = min(W0.shape)
    flat = np.sqrt(X.T @ X / len(X))
    inverse, rows = np.linalg.pinv(root), X - X.mean(0)
    known = {
        "the SVD of D: the inputs are not white": truncated(D, r),
        "the SVD of D Σ, without the root": left(D @ root @ root, r, D),
        "√Σ entry by entry: Σ^½ is a matrix with Σ^½ Σ^½ = Σ": left(D @ flat, r, D),
        "Σ^½ is not undone": truncated(D @ root, r),
        "D is projected from the right": D @ Vt[:r].T @ Vt[:r],
        "the SVD of W_OLS Σ^½, not of the change": left(W @ root, r, D),
        "W_OLS is truncated, W0 forgotten": left(W @ root, r, W),
        "W0 + ΔW instead of ΔW": W0 + right,
        "one singular direction too few": left(D @ root, r - 1, D),
        "Σ of centred inputs: XᵀX/n has no mean taken out": left(D @ rows.T, r, D),
        "Σ^-½ instead of Σ^½": left(D @ inverse, r, D),
        "the sign of the change": -right,
        "the smallest directions are kept": D - left(D @ root, low - r, D),
        "the scale is left out: B A = ΔW": s * right,
        "multiplied by s instead of divided": s * s * right,
        "divided by s in both factors": right / s,
    }
    return {
        name: value
        for name, value in known.items()
        if not np.allclose(value, right, 1e-6)
    }


def update(student, X, Y, W0, r, s):
    """s B A of the answer."""
    (out, inputs), told = W0.shape, "best_rank_r"
    A, B = take(student.best_rank_r(X, Y, W0, r, s), A=(None, None), B=(None, None))
    if A.shape == (out, r) and B.shape == (r, inputs) and out != r:
        fail("A and B are returned in the wrong order", equation="(15.5)")
    if A.shape == (r + 1, inputs) and B.shape == (out, r + 1):
        fail("one singular direction too many", f"{told} must return rank {r}")
    A, B = take((A, B), A=(r, inputs), B=(out, r), equation="(15.5)")
    return s * B @ A


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES, (30, 3, 8, 3))
def test_update(student, rng, draw):
    """s B A = ΔW*, for inputs that are not white."""
    given = problem(rng, *draw)
    compare(
        update(student, *given),
        want=reference(*given[:4]),
        mistakes=wrong_updates(*given),
        tol=TOL,
        equation="(15.5)",
    )


@pytest.mark.draws(*FEW)
def test_few_examples(student, rng, draw):
    """n < in: of all the best updates the smallest."""
    given = X, Y, W0, r, s = problem(rng, *draw)
    _, D, root = parts(X, Y, W0)
    want = reference(X, Y, W0, r)
    known = {
        "not the smallest: W0 was changed where no example looks": left(D @ root, r, D),
        "the sign of the change": -want,
        "the scale is left out: B A = ΔW": s * want,
        "multiplied by s instead of divided": s * s * want,
        "divided by s in both factors": want / s,
    }
    options = {"tol": TOL, "equation": "(15.5)"}
    compare(update(student, *given), want=want, mistakes=known, **options)


def all_losses(X, Y, W0):
    """L*_r of every rank, each from its own update."""
    ranks = range(min(W0.shape) + 1)
    return np.array([loss(X, Y, W0 + reference(X, Y, W0, r)) for r in ranks])


def wrong_losses(X, Y, W0):
    W, D, root = parts(X, Y, W0)
    right, n, count = all_losses(X, Y, W0), len(X), min(W0.shape)
    bottom, S = right[-1], np.linalg.svd(D @ root)[1][:count]
    S = np.pad(S, (0, count - len(S)))

    def from_tails(S, power=2, shift=0):
        start = [max(r + shift, 0) for r in range(count + 1)]
        return bottom + np.array([np.sum(S[i:] ** power) / 2 for i in start])

    flat = np.linalg.svd(D @ np.sqrt(X.T @ X / n))[1]
    rows = np.linalg.svd(D @ (X - X.mean(0)).T / n**0.5)[1]
    return {
        "the ½ of the tail is missing": 2 * right - bottom,
        "σ instead of σ²": from_tails(S, power=1),
        "L_OLS is missing": right - bottom,
        "the kept σ² instead of the tail": bottom + right[0] - right,
        "Σ = XᵀX, not divided by n": bottom + n * (right - bottom),
        "the least loss is not divided by n": right + (n - 1) * bottom,
        "nothing is divided by n": n * right,
        "the ½ of L_OLS is missing": right + bottom,
        "only the first left-out direction counts": bottom + np.append(S**2 / 2, 0),
        "the tail begins one direction too late": from_tails(S, shift=1),
        "the tail begins one direction too early": from_tails(S, shift=-1),
        "the singular values of D, not of D Σ^½": from_tails(np.linalg.svd(D)[1]),
        "the singular values of W_OLS Σ^½: W0 is forgotten": (
            from_tails(np.linalg.svd(W @ root)[1])
        ),
        "the SVD of D Σ, without the root": from_tails(
            np.linalg.svd(D @ root @ root)[1]
        ),
        "√Σ entry by entry: Σ^½ is a matrix with Σ^½ Σ^½ = Σ": from_tails(flat),
        "Σ of centred inputs: XᵀX/n has no mean taken out": from_tails(rows),
        "r = 0, the loss of W0 itself, is missing": right[1:],
        "the last rank is missing": right[:-1],
        "the largest rank comes first": right[::-1],
        "means over all n·out entries": right / Y.shape[1],
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L*_r of every rank."""
    X, Y, W0, _, _ = problem(rng, *draw)
    compare(
        student.rank_losses(X, Y, W0),
        want=all_losses(X, Y, W0),
        mistakes=wrong_losses(X, Y, W0),
        tol=TOL,
        equation="(15.6)",
    )


@pytest.mark.draws(*FEW)
def test_losses_of_few_examples(student, rng, draw):
    """n < in: the data are fitted exactly from some rank on."""
    X, Y, W0, _, _ = problem(rng, *draw)
    want = all_losses(X, Y, W0)
    compare(
        student.rank_losses(X, Y, W0),
        want=want,
        mistakes={
            "the ½ of the tail is missing": 2 * want,
            "Σ = XᵀX, not divided by n": len(X) * want,
            "r = 0, the loss of W0 itself, is missing": want[1:],
            "there is no loss for ranks above n": want[: len(X) + 1],
        },
        tol=TOL,
        equation="(15.6)",
    )
