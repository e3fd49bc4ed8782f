"""Grader of largest_rate. Reference: the eigenvalues of the matrix that a step applies.

A step of descent is linear; its matrix is built column by column from the step itself,
and the edge is where its spectral radius passes 1. Bounds: an eigenvalue of a matrix
with condition 1e3 errs by 1e-13.
"""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(9, 4, 2), (15, 6, 3), (4, 7, 5), (20, 3, 1)]  # n, in, r


def problem(rng, n, inputs, r):
    X = rng.normal(size=(n, inputs)) * np.geomspace(0.4, 2, inputs)
    return X, rng.normal(size=(r, inputs)), float(rng.uniform(2.1, 3.9))


def curvature(gradient, size):
    """λmax of a quadratic's Hessian from its gradient at 0 and at unit vectors."""
    zero = gradient(np.zeros(size))
    H = np.array([gradient(e) - zero for e in np.eye(size)])
    return np.max(np.linalg.eigvals(H).real)


def full(X):
    return curvature(lambda w: (X @ w - 1) @ X / len(X), X.shape[1])


def lora(X, A, s):
    return curvature(lambda b: s * A @ ((s * X @ (A.T @ b) - 1) @ X) / len(X), len(A))


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_full(student, rng, draw):
    """One linear layer, all of it trained."""
    X, *_ = problem(rng, *draw)
    n, want = len(X), 2 / full(X)
    S = X.T @ X / n
    known = {
        "1/λ instead of 2/λ": want / 2,
        "XᵀX is not divided by n": want / n,
        "the trace instead of the largest eigenvalue": 2 / np.trace(S),
        "the mean of the eigenvalues instead of the largest": 2 * len(S) / np.trace(S),
        "the singular value of X is not squared": 2 * n / np.linalg.norm(X, 2),
        "the covariance: XᵀX/n has no mean taken out": (
            2 / np.linalg.norm(np.cov(X.T, ddof=0).reshape(S.shape), 2)
        ),
        "n − 1 instead of n": want * (n - 1) / n,
        "upside down: λ/2": 1 / want,
        "4/λ: the loss is ‖·‖²/(2n), its Hessian is Σ": 2 * want,
        "the Frobenius norm instead of the largest eigenvalue": 2 / np.linalg.norm(S),
    }
    compare(
        student.largest_rate(X),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(5.4)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*[(*size, rslora) for size in SIZES for rslora in (False, True)])
def test_lora(student, rng, draw):
    """B alone trains, under both scales."""
    *size, rslora = draw
    (X, A, alpha), r = problem(rng, *size), size[-1]
    n, s = len(X), alpha / (r**0.5 if rslora else r)
    want, S = 2 / lora(X, A, s), X.T @ X / len(X)
    inner = A @ S @ A.T
    swapped = alpha / (r if rslora else r**0.5)
    norm = np.linalg.norm
    known = {
        "s instead of s²": want * s,
        "the scale is left out": want * s * s,
        "α/r and α/√r are swapped": 2 / (swapped**2 * norm(inner, 2)),
        "α is not divided by r": 2 / (alpha**2 * norm(inner, 2)),
        "1/λ instead of 2/λ": want / 2,
        "XᵀX is not divided by n": want / n,
        "white inputs are assumed: λmax(A Aᵀ)": 2 / (s * norm(A, 2)) ** 2,
        "λmax(A Aᵀ) λmax(Σ): a bound, not the edge": (
            2 / (s * s * norm(A, 2) ** 2 * norm(S, 2))
        ),
        "the trace instead of the largest eigenvalue": 2 / (s * s * np.trace(inner)),
        "the edge of full fine-tuning": 2 / norm(S, 2),
        "ten times the edge of full fine-tuning": 20 / norm(S, 2),
        "r is not the rank: the width of the input": want * (A.shape[1] / r) ** (
            1 if rslora else 2
        ),
    }  # fmt: skip
    compare(
        student.largest_rate_lora(X, A, alpha, rslora),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(5.10)",
    )


@pytest.mark.draws((30, 5, 2), (12, 6, 3))
def test_it_is_the_edge(student, rng, draw):
    """Descent on B at 0.97 and 1.03 times the rate: the loss falls, and grows."""
    X, A, alpha = problem(rng, *draw)
    rate = float(student.largest_rate_lora(X, A, alpha, False))
    s, y = alpha / len(A), rng.normal(size=len(X))

    def ends(lr):
        b = np.zeros(len(A))
        for _ in range(800):
            b = b - lr * s * A @ ((s * X @ (A.T @ b) - y) @ X) / len(X)
            if not np.abs(b).max() < 1e9:
                return 1.0
        return 0.0

    compare(
        np.array([ends(0.97 * rate), ends(1.03 * rate)]),
        want=np.array([0.0, 1.0]),
        mistakes={},
        tol=1e-3,
        equation="(5.10)",
        called="descent at 0.97 and 1.03 of your rate (0 converges, 1 diverges)",
    )
