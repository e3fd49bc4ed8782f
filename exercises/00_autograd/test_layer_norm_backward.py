"""Grader of layer_norm_backward. Bounds: means of 5 numbers, rounding below 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10
EPS = 0.1  # large, so that forgetting it is seen


def problem(seed, shape=(2, 3, 5)):
    rng = np.random.default_rng(seed)
    x, gy = rng.normal(size=shape) * 1.5 + 0.7, rng.normal(size=shape)
    return gy, x, rng.uniform(0.5, 2.0, size=shape[-1])


def norm(x, weight, bias):
    """(0.7) in arithmetic alone, so that it holds for complex numbers too."""
    d = x.shape[-1]
    centred = x - x.sum(axis=-1, keepdims=True) / d
    var = (centred * centred).sum(axis=-1, keepdims=True) / d
    return weight * centred / np.sqrt(var + EPS) + bias


def slope(f, x):
    """df/dx for real f by the complex step, Im f(x + ih e)/h: exact to rounding."""
    out, h = np.zeros(x.shape), 1e-30
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        out[i] = f(z).imag / h
    return out


def right(gy, x, weight):
    """gx, gweight, gbias without (0.8)."""
    bias = 0 * weight

    def loss(x, weight, bias):
        return np.sum(gy * norm(x, weight, bias))

    return (
        slope(lambda z: loss(z, weight, bias), x),
        slope(lambda z: loss(x, z, bias), weight),
        slope(lambda z: loss(x, weight, z), bias),
    )


def formula(gy, x, weight, axis=-1, eps=EPS, ddof=0, mean=1.0, along=1.0, late=False):
    """gx by (0.8) with one thing wrong; also xh."""
    sigma = np.sqrt(x.var(axis=axis, keepdims=True, ddof=ddof) + eps)
    xh = (x - x.mean(axis=axis, keepdims=True)) / sigma
    h = gy if late else weight * gy
    p = mean * h.mean(axis=axis, keepdims=True)
    q = along * (h * xh).mean(axis=axis, keepdims=True)
    gx = (h - p - xh * q) / sigma
    return (weight * gx if late else gx), xh


def mistakes(gy, x, weight):
    _, xh = formula(gy, x, weight)
    gw, gb = (gy * xh).sum(axis=(0, 1)), gy.sum(axis=(0, 1))
    d, rows = x.shape[-1], gy.size // x.shape[-1]
    sigma = np.sqrt(x.var(axis=-1, keepdims=True) + EPS)

    def whole(**wrong):
        gx, xh = formula(gy, x, weight, **wrong)
        return gx, (gy * xh).sum(axis=(0, 1)), gb

    def part(**wrong):
        return formula(gy, x, weight, **wrong)[0], gw, gb

    gx = formula(gy, x, weight)[0]
    return {
        "mean and variance are treated as constants": part(mean=0, along=0),
        "the way through the variance is missing": part(along=0),
        "the way through the mean is missing": part(mean=0),
        "the variance is the one with 1/(d − 1)": whole(ddof=1),
        "weight comes after the projection, not into h": part(late=True),
        "weight is missing": (formula(gy, x, 1 + 0 * weight)[0], gw, gb),
        "eps is missing": whole(eps=0),
        "gx is not divided by σ": (gx * sigma, gw, gb),
        "sums in place of means in gx": part(mean=d, along=d),
        "the means are over the rows: that is BatchNorm": whole(axis=(0, 1)),
        "gweight is made with x, not xh": (gx, (gy * x).sum(axis=(0, 1)), gb),
        "gweight and gbias are means, not sums": (gx, gw / rows, gb / rows),
        "gweight and gbias are made with weight * gy": (gx, weight * gw, weight * gb),
    }


@pytest.mark.points(3)
def test_gradients(student, seed):
    """gx, gweight and gbias for x (2, 3, 5), a random gy and a random weight."""
    gy, x, weight = problem(seed)
    compare(
        student.layer_norm_backward(gy, x, weight, EPS),
        want=right(gy, x, weight),
        mistakes=mistakes(gy, x, weight),
        tol=TOL,
        equation="(0.8)",
    )


def test_matrix(student, seed):
    """The same for a matrix, and the inputs stay as they are."""
    gy, x, weight = problem(seed, (4, 3))
    got = student.layer_norm_backward(gy, x, weight, EPS)
    compare(got, want=right(gy, x, weight), tol=TOL, equation="(0.8)")


def test_shift_is_invisible(student, seed):
    """Adding a number to a row does not change y, so each row of gx sums to 0."""
    gy, x, weight = problem(seed)
    gx = student.layer_norm_backward(gy, x, weight, EPS)[0]

    def rows(**wrong):
        return formula(gy, x, weight, **wrong)[0].sum(axis=-1)

    compare(
        np.asarray(gx).sum(axis=-1),
        want=np.zeros((2, 3)),
        mistakes={
            "mean and variance are treated as constants": rows(mean=0, along=0),
            "the way through the mean is missing": rows(mean=0),
            "weight comes after the projection, not into h": rows(late=True),
        },
        tol=TOL,
        scale=1,
        equation="(0.8)",
        called="layer_norm_backward(...) and gx summed over the last axis",
    )
