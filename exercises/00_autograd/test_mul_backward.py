"""Grader of mul_backward. Bounds: sums of at most 210 products, rounding below 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-11


def problem(rng, x_shape, w_shape):
    x = np.asarray(rng.normal(size=x_shape) + 1.5)
    w = np.asarray(rng.normal(size=w_shape) - 2.5)
    return np.asarray(rng.normal(size=(x * w).shape) + 0.5), x, w


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


def fold(g, shape, how=np.sum, kept=True, most=None):
    """g brought to `shape` axis by axis; mistakes are made in `how`, `kept`, `most`."""
    for _ in range(g.ndim - len(shape)):
        g = np.mean(g, axis=0) if how is np.mean else np.sum(g, axis=0)
    for i in reversed([i for i, n in enumerate(shape) if n == 1][:most]):
        g = np.expand_dims(how(g, axis=i), i) if kept else how(g, axis=i)
    return g


def first(g, axis):
    return g.take(0, axis=axis)


def expanded_only(g, shape):
    """The axes of size 1 are counted from the left, and the added ones stay."""
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=ones, keepdims=True)


def from_the_left(g, shape):
    return expanded_only(g.sum(axis=tuple(range(len(shape), g.ndim))), shape)


def mistakes(gy, x, w):
    def pair(folding):
        return folding(gy * w, x.shape), folding(gy * x, w.shape)

    def full(a):
        return np.broadcast_to(a, gy.shape)

    gx, gw = pair(fold)
    return {
        "the factors are swapped": (fold(gy * x, x.shape), fold(gy * w, w.shape)),
        "gw is returned before gx": (gw, gx),
        "gy is not multiplied in": (fold(full(w), x.shape), fold(full(x), w.shape)),
        "the other factor is not multiplied in": (fold(gy, x.shape), fold(gy, w.shape)),
        "gy is summed before it is multiplied": (
            fold(gy, x.shape) * w,
            fold(gy, w.shape) * x,
        ),
        "gy and the other factor are summed apart, then multiplied": (
            fold(gy, x.shape) * fold(full(w), x.shape),
            fold(gy, w.shape) * fold(full(x), w.shape),
        ),
        "the mean, not the sum, over the axes that broadcasting made": pair(
            lambda g, shape: fold(g, shape, np.mean)
        ),
        "only the first entry of an expanded axis is kept": pair(
            lambda g, shape: fold(g, shape, first)
        ),
        "the axes of size 1 have vanished": pair(
            lambda g, shape: fold(g, shape, kept=False)
        ),
        "the expanded axes are not summed": pair(
            lambda g, shape: fold(g, shape, most=0)
        ),
        "only the first of several axes of size 1 is summed": pair(
            lambda g, shape: fold(g, shape, most=1)
        ),
        "the added axes are not summed": pair(expanded_only),
        "the shapes are lined up from the left": pair(from_the_left),
        "everything is summed to one number": pair(lambda g, shape: g.sum()),
    }


def check(student, rng, draw, equation="(0.4)"):
    gy, x, w = problem(rng, *draw)
    want = right(gy, x, w)
    compare(
        student.mul_backward(gy, x, w),
        want=want,
        mistakes=mistakes(gy, x, w),
        tol=TOL,
        equation=equation,
    )


@pytest.mark.points(2)
@pytest.mark.draws(
    ((2, 3, 5), (3, 1)),
    ((4,), (3, 7, 1, 2, 4)),
    ((7, 2), (5, 6, 1, 2)),
    ((1, 1, 1), (2, 4, 3)),
    ((3, 6), (1,)),
)
def test_added_and_expanded(student, rng, draw):
    """One operand is broadcast: axes are added, axes of size 1 are expanded."""
    check(student, rng, draw)


@pytest.mark.points(2)
@pytest.mark.draws(
    ((4, 1), (3, 1, 5)), ((2, 1, 1, 3), (5, 4, 1)), ((1, 6, 1), (7, 1, 2))
)
def test_both_operands(student, rng, draw):
    """Both operands are broadcast, with one or two axes of size 1 each."""
    check(student, rng, draw)


@pytest.mark.draws(((2, 3), ()), ((), (4, 1, 5)), ((), ()))
def test_scalar_operand(student, rng, draw):
    """A 0-d operand: its gradient is one number."""
    check(student, rng, draw)


@pytest.mark.draws(((3, 4), (3, 4)), ((5,), (5,)), ((2, 1, 3), (2, 1, 3)))
def test_same_shape(student, rng, draw):
    """Equal shapes: nothing is summed, though an axis may have size 1."""
    check(student, rng, draw, "(0.3)")
