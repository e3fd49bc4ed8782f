"""Grader of feature_shift. The step is taken with a complex-step gradient: 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(7, 5, 3, 2, 4), (4, 6, 2, 3, 5), (9, 4, 6, 5, 3)]  # n, d, k, K, m


def problem(rng, n, d, k, K, m):
    shapes = (n, d), (n, K), (k, d), (K, k)
    X, Y, B, V = (rng.normal(size=shape) for shape in shapes)
    return X, Y, B, V, float(rng.uniform(0.2, 0.4)), rng.normal(size=(m, d))


def loss(X, Y, B, V):
    error = X @ B.T @ V.T - Y
    return np.sum(error * error) / (2 * len(X))


def slope(f, at, h=1e-30):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def right(X, Y, B, V, lr, x):
    step = -lr * slope(lambda b: loss(X, Y, b, V), B)
    return x @ (B + step).T - x @ B.T


def mistakes(X, Y, B, V, lr, x):
    want, n = right(X, Y, B, V, lr, x), len(X)
    error = X @ B.T @ V.T - Y
    later = V - lr * slope(lambda v: loss(X, Y, B, v), V)
    return {
        "the gradient is not divided by n": n * want,
        "the ½ of L is lost: 2/n": 2 * want,
        "the step goes up the gradient": -want,
        "the learning rate is left out": want / lr,
        "the features after the step, not their change": x @ B.T + want,
        "the change of the predictions, not of the features": want @ V.T,
        "the head is moved first": -lr * x @ (later.T @ error.T @ X / n).T,
        "the error has no targets": right(X, 0 * Y, B, V, lr, x),
        "means over all n·K entries": want / Y.shape[1],
        "the answer is transposed": want.T,
        "nothing moves": 0 * want,
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_shift(student, rng, draw):
    """The change of the features of other inputs."""
    given = problem(rng, *draw)
    compare(
        student.feature_shift(*given),
        want=right(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(4.4)",
    )


@pytest.mark.draws((2, 5, 3, 2, 4), (3, 7, 4, 2, 1))
def test_orthogonal(student, rng, draw):
    """Inputs orthogonal to every training row: their features do not move."""
    X, Y, B, V, lr, x = problem(rng, *draw)
    x = x - x @ np.linalg.pinv(X) @ X
    compare(
        student.feature_shift(X, Y, B, V, lr, x),
        want=np.zeros((len(x), len(B))),
        mistakes={},
        tol=TOL,
        scale=1.0,
        equation="(4.4)",
    )
