"""Grader of mul_backward. Bounds: sums of at most 60 products, rounding below 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-11


def problem(seed, x_shape, w_shape):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=x_shape) + 1.5
    w = np.asarray(rng.normal(size=w_shape) - 2.5)
    return rng.normal(size=(x * w).shape) + 0.5, x, w


def slope(f, x):
    """df/dx for real f by the complex step, Im f(x + ih e)/h: exact to rounding."""
    out, h = np.zeros(x.shape), 1e-30
    for i in np.ndindex(x.shape):
        z = np.array(x, dtype=complex)
        z[i] += 1j * h
        out[i] = f(z).imag / h
    return out


def right(gy, x, w):
    return (
        slope(lambda z: np.sum(gy * (z * w)), x),
        slope(lambda z: np.sum(gy * (x * z)), w),
    )


# --- what goes wrong with (0.4) -----------------------------------------------------


def fold(g, shape, how=np.sum, kept=True):
    """g brought to `shape` axis by axis; mistakes are made in `how` and `kept`."""
    for _ in range(g.ndim - len(shape)):
        g = np.mean(g, axis=0) if how is np.mean else np.sum(g, axis=0)
    for i in reversed([i for i, n in enumerate(shape) if n == 1]):
        g = np.expand_dims(how(g, axis=i), i) if kept else how(g, axis=i)
    return g


def first(g, axis):
    return g.take(0, axis=axis)


def added_only(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def from_the_left(g, shape):
    g = g.sum(axis=tuple(range(len(shape), g.ndim)))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=ones, keepdims=True)


def pair(folding, gy, x, w):
    return lambda: (folding(gy * w, x.shape), folding(gy * x, w.shape))


def mistakes(gy, x, w, only=None):
    every = {
        "the factors are swapped": lambda: (
            fold(gy * x, x.shape),
            fold(gy * w, w.shape),
        ),
        "gy is not multiplied in": lambda: (
            fold(w + 0 * gy, x.shape),
            fold(x + 0 * gy, w.shape),
        ),
        "the mean, not the sum, over the axes that broadcasting made": pair(
            lambda g, shape: fold(g, shape, np.mean), gy, x, w
        ),
        "of an expanded axis only the first entry is kept": pair(
            lambda g, shape: fold(g, shape, first), gy, x, w
        ),
        "the axes of size 1 have vanished": pair(
            lambda g, shape: fold(g, shape, kept=False), gy, x, w
        ),
        "the expanded axes are not summed": pair(added_only, gy, x, w),
        "the shapes are lined up from the left": pair(from_the_left, gy, x, w),
    }
    return every if only is None else {name: every[name] for name in only}


@pytest.mark.points(3)
def test_added_and_expanded(student, seed):
    """(2, 3, 5) times (3, 1): one axis is added, one is expanded."""
    gy, x, w = problem(seed, (2, 3, 5), (3, 1))
    compare(
        student.mul_backward(gy, x, w),
        want=right(gy, x, w),
        mistakes=mistakes(gy, x, w),
        tol=TOL,
        equation="(0.4)",
    )


def test_both_operands(student, seed):
    """(4, 1) times (3, 1, 5): both operands are broadcast."""
    gy, x, w = problem(seed, (4, 1), (3, 1, 5))
    compare(
        student.mul_backward(gy, x, w),
        want=right(gy, x, w),
        mistakes=mistakes(gy, x, w),
        tol=TOL,
        equation="(0.4)",
    )


def test_scalar_operand(student, seed):
    """(2, 3) times a 0-d array: the gradient is one number."""
    gy, x, w = problem(seed, (2, 3), ())
    only = (
        "the factors are swapped",
        "gy is not multiplied in",
        "the mean, not the sum, over the axes that broadcasting made",
    )
    compare(
        student.mul_backward(gy, x, w),
        want=right(gy, x, w),
        mistakes=mistakes(gy, x, w, only),
        tol=TOL,
        equation="(0.4)",
    )


def test_same_shape(student, seed):
    """Equal shapes: nothing is summed, and the inputs stay as they are."""
    gy, x, w = problem(seed, (3, 4), (3, 4))
    got = student.mul_backward(gy, x, w)
    only = "the factors are swapped", "gy is not multiplied in"
    compare(
        got,
        want=right(gy, x, w),
        mistakes=mistakes(gy, x, w, only),
        tol=TOL,
        equation="(0.3)",
    )
