"""Grader of best_rank_r. Bounds: two SVDs and a solve of condition 30 err by 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, n=40, out=5, inputs=6):
    """Inputs of very different sizes, so that whitening matters."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, inputs)) * np.geomspace(0.4, 3, inputs)
    X = X @ (np.eye(inputs) + 0.4 * rng.normal(size=(inputs, inputs)))
    W0 = rng.normal(size=(out, inputs)) + 1.0
    Y = X @ rng.normal(size=(inputs, out)) + 2 * rng.normal(size=(n, out))
    return X, Y, W0, 2


def loss(X, Y, W):
    return np.sum((X @ W.T - Y) ** 2) / (2 * len(X))


def truncated(M, r):
    U, S, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * S[:r]) @ Vt[:r]


def reference(X, Y, W0, r):
    """Through the outputs: the best rank-r matrix of fitted changes X Dᵀ, solved for ΔW."""
    fit = truncated(X @ np.linalg.pinv(X) @ (Y - X @ W0.T), r)
    delta = (np.linalg.pinv(X) @ fit).T
    return delta, loss(X, Y, W0 + delta)


def parts(X, Y, W0):
    """W_OLS, D and Σ^½ (from the SVD of X) for the named mistakes."""
    n, W = len(X), (np.linalg.pinv(X) @ Y).T
    _, S, Vt = np.linalg.svd(X / n**0.5, full_matrices=False)
    return W, W - W0, (Vt.T * S) @ Vt


@pytest.mark.points(3)
def test_update(student, seed):
    """ΔW*, for inputs that are not white."""
    X, Y, W0, r = problem(seed)
    W, D, root = parts(X, Y, W0)
    U, _, Vt = np.linalg.svd(D @ root)
    left = np.linalg.svd(W @ root)[0][:, :r]
    back, spread = np.linalg.inv(root), X - X.mean(0)
    near = np.linalg.svd(D @ spread.T, full_matrices=False)[0][:, :r]
    far = np.linalg.svd(D @ back)[0][:, :r]
    compare(
        student.best_rank_r(X, Y, W0, r)[0],
        want=reference(X, Y, W0, r)[0],
        mistakes={
            "the SVD of D: the inputs are not white": truncated(D, r),
            "the SVD of D Σ, without the root": truncated(D @ root @ root, r)
            @ np.linalg.inv(root @ root),
            "Σ^½ is not undone": truncated(D @ root, r),
            "D is projected from the right": D @ Vt[:r].T @ Vt[:r],
            "the SVD of W_OLS Σ^½, not of the change": left @ left.T @ D,
            "W_OLS is truncated, W0 forgotten": left @ left.T @ W,
            "W0 + ΔW in place of ΔW": W0 + U[:, :r] @ U[:, :r].T @ D,
            "one singular direction too many": U[:, : r + 1] @ U[:, : r + 1].T @ D,
            "one singular direction too few": U[:, : r - 1] @ U[:, : r - 1].T @ D,
            "Σ of centred inputs: XᵀX/n has no mean taken out": near @ near.T @ D,
            "Σ^-½ in place of Σ^½": far @ far.T @ D,
            "the sign of the change": -U[:, :r] @ U[:, :r].T @ D,
        },
        tol=TOL,
        equation="(15.5)",
    )


@pytest.mark.points(2)
def test_loss(student, seed):
    """L*, the loss at ΔW*."""
    X, Y, W0, r = problem(seed)
    W, D, root = parts(X, Y, W0)
    S, bottom = np.linalg.svd(D @ root)[1], loss(X, Y, W)
    tail = np.sum(S[r:] ** 2) / 2
    compare(
        student.best_rank_r(X, Y, W0, r)[1],
        want=reference(X, Y, W0, r)[1],
        mistakes={
            "the ½ of the tail is missing": bottom + 2 * tail,
            "σ in place of σ²": bottom + np.sum(S[r:]) / 2,
            "L_OLS is missing": tail,
            "the kept σ² in place of the tail": bottom + np.sum(S[:r] ** 2) / 2,
            "Σ = XᵀX, not divided by n": bottom + len(X) * tail,
            "the least loss is not divided by n": len(X) * bottom + tail,
            "the ½ of L_OLS is missing": 2 * bottom + tail,
            "only the first left-out direction counts": bottom + S[r] ** 2 / 2,
            "the tail begins one direction too late": bottom + np.sum(S[r + 1 :] ** 2) / 2,
            "the tail is that of D, not of D Σ^½": (
                bottom + np.sum(np.linalg.svd(D)[1][r:] ** 2) / 2
            ),
        },
        tol=TOL,
        equation="(15.6)",
    )


def test_full_rank(student, seed):
    """With r = min(out, in) nothing is lost: least squares itself."""
    X, Y, W0, _ = problem(seed)
    W = (np.linalg.pinv(X) @ Y).T
    compare(
        student.best_rank_r(X, Y, W0, 5),
        want=(W - W0, loss(X, Y, W)),
        mistakes={
            "L_OLS is missing": lambda: (W - W0, 0.0),
            "the ½ of L_OLS is missing": lambda: (W - W0, 2 * loss(X, Y, W)),
            "the sign of the change": lambda: (W0 - W, loss(X, Y, W)),
            "W0 + ΔW in place of ΔW": lambda: (W, loss(X, Y, W)),
        },
        tol=TOL,
        equation="(15.5)",
    )


def test_nothing_else_is_better(student, seed):
    """No small move of the two factors lowers the loss."""
    X, Y, W0, r = problem(seed)
    delta = student.best_rank_r(X, Y, W0, r)[0]
    U, S, Vt = np.linalg.svd(delta)
    assert S[r] < 1e-9 * S[0], f"ΔW has rank above {r}"
    B, A = U[:, :r] * S[:r], Vt[:r]
    G = (X @ (W0 + B @ A).T - Y).T @ X / len(X)
    size = np.linalg.norm(G) * np.linalg.norm(delta)
    for name, slope, zero in (("A", B.T @ G, 0 * A), ("B", G @ A.T, 0 * B)):
        called = f"best_rank_r, then the gradient of the loss in {name} at its ΔW"
        options = {"tol": TOL, "scale": size, "equation": "(15.2)", "called": called}
        compare(slope, want=zero, **options)
