"""Grader of bottleneck. Bounds: rounding, below 1e-14 for sums of a few terms."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10


def problem(seed, parallel, B=4, k=6, d=5, m=3):
    rng = np.random.default_rng(seed)
    h, y = rng.normal(size=(B, d if not parallel else k)), rng.normal(size=(B, d))
    D, b = rng.normal(size=(m, h.shape[1])), rng.normal(size=m) + 1
    return h, y, D, b, rng.normal(size=(d, m)), rng.normal(size=d) + 1, 1.7


def correction(z, D, b, U, c, f=np.tanh):
    """One row after the other, column vectors: U f(D z + b) + c."""
    return np.array([U @ f(D @ row + b) + c for row in z])


def mistakes(h, y, z, D, b, U, c, s):
    right = correction(z, D, b, U, c)
    late = np.array([np.tanh(U @ (D @ row + b)) + c for row in z])
    outside = correction(z, D, 0 * b, U, c) + U @ b
    inside = correction(z, s * D, s * b, U, c)
    named = {
        "the skip connection y is missing": s * right,
        "b is missing": y + s * correction(z, D, 0 * b, U, c),
        "c is missing": y + s * (right - c),
        "the scale is missing": y + right,
        "the scale does not reach c": y + s * (right - c) + c,
        "the scale multiplies y too": s * (y + right),
        "no tanh inside": y + s * correction(z, D, b, U, c, lambda x: x),
        "tanh after U, not before": y + s * late,
        "relu in place of tanh": y
        + s * correction(z, D, b, U, c, lambda x: np.maximum(x, 0)),
        "b is added after tanh, not before": y + s * outside,
        "the scale is inside tanh": y + inside,
    }
    if h.shape == y.shape:
        named["D reads h without being parallel"] = y + s * correction(h, D, b, U, c)
    return named


@pytest.mark.points(2)
def test_behind_the_layer(student, seed):
    """Behind the layer: D reads the result y."""
    h, y, D, b, U, c, s = problem(seed, False)
    got = student.bottleneck(h, y, D, b, U, c, s)
    compare(
        got,
        want=y + s * correction(y, D, b, U, c),
        mistakes=mistakes(h, y, y, D, b, U, c, s),
        tol=TOL,
        equation="(14.1)",
    )


def test_beside_the_layer(student, seed):
    """Beside the layer (parallel): D reads the input h, of the same width here."""
    h, y, D, b, U, c, s = problem(seed, True, k=5)
    compare(
        student.bottleneck(h, y, D, b, U, c, s, parallel=True),
        want=y + s * correction(h, D, b, U, c),
        mistakes={
            "parallel is ignored: D reads y": y + s * correction(y, D, b, U, c),
            "the correction is added to h, not to y": h + s * correction(h, D, b, U, c),
        },
        tol=TOL,
        equation="(14.1)",
    )


def test_input_of_another_width(student, seed):
    """Beside a layer whose input is wider than its result."""
    h, y, D, b, U, c, s = problem(seed, True)
    compare(
        student.bottleneck(h, y, D, b, U, c, s, True),
        want=y + s * correction(h, D, b, U, c),
        tol=TOL,
        equation="(14.1)",
    )


def test_defaults(student, seed):
    """Left out, the scale is 1 and the adapter is not parallel."""
    h, y, D, b, U, c, _ = problem(seed, False)
    compare(
        student.bottleneck(h, y, D, b, U, c),
        want=y + correction(y, D, b, U, c),
        tol=TOL,
        equation="(14.1)",
    )
