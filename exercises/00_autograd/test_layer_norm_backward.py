"""Grader of layer_norm_backward. Bounds: means of 7 numbers, rounding below 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-10


def problem(rng, shape):
    """gy, x, weight; and an eps that is large, so that its place shows."""
    x, gy = rng.normal(size=shape) * 1.5 + 0.7, rng.normal(size=shape)
    weight, eps = rng.uniform(0.5, 2.0, size=shape[-1]), rng.uniform(0.05, 0.3)
    return gy, x, weight, float(eps)


def norm(x, weight, bias, eps):
    """(0.7) in arithmetic alone, so that it holds for complex numbers too."""
    d = x.shape[-1]
    centred = x - x.sum(axis=-1, keepdims=True) / d
    var = (centred * centred).sum(axis=-1, keepdims=True) / d
    return weight * centred / np.sqrt(var + eps) + bias


def slope(f, x):
    """df/dx for real f by the complex step, Im f(x + ih e)/h: exact to rounding."""
    out, h = np.zeros(x.shape), 1e-30
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        out[i] = f(z).imag / h
    return out


def right(gy, x, weight, eps):
    """gx, gweight, gbias without (0.8)."""
    bias = 0 * weight

    def loss(x, weight, bias):
        return np.sum(gy * norm(x, weight, bias, eps))

    return (
        slope(lambda z: loss(z, weight, bias), x),
        slope(lambda z: loss(x, z, bias), weight),
        slope(lambda z: loss(x, weight, z), bias),
    )


def sigma_of(x, eps, axis=-1, ddof=0, late=False):
    """σ; late: eps is added to the root."""
    var = x.var(axis=axis, keepdims=True, ddof=ddof)
    return np.sqrt(var) + eps if late else np.sqrt(var + eps)


def formula(gy, x, weight, eps, axis=-1, mean=1.0, along=1.0, after=False, **how):
    """gx by (0.8) with one thing wrong; also xh."""
    sigma = sigma_of(x, eps, axis, **how)
    xh = (x - x.mean(axis=axis, keepdims=True)) / sigma
    h = gy if after else weight * gy
    p = mean * h.mean(axis=axis, keepdims=True)
    q = along * (h * xh).mean(axis=axis, keepdims=True)
    gx = (h - p - xh * q) / sigma
    return (weight * gx if after else gx), xh


def mistakes(gy, x, weight, eps):
    given, rows = (gy, x, weight, eps), tuple(range(x.ndim - 1))
    gx, xh = formula(*given)
    gw, gb = (gy * xh).sum(axis=rows), gy.sum(axis=rows)
    d, count, sigma = x.shape[-1], gy.size // x.shape[-1], sigma_of(x, eps)
    h = weight * gy

    def whole(eps=eps, **wrong):
        gx, xh = formula(gy, x, weight, eps, **wrong)
        return gx, (gy * xh).sum(axis=rows), gb

    def part(**wrong):
        return formula(*given, **wrong)[0], gw, gb

    def over(axis):
        return gx, (gy * xh).sum(axis=axis), gy.sum(axis=axis)

    def mean(a):
        return a.mean(axis=-1, keepdims=True)

    return {
        "mean and variance are treated as constants": part(mean=0, along=0),
        "the path through the variance is missing": part(along=0),
        "the path through the mean is missing": part(mean=0),
        "the sign of the last term of gx": part(along=-1),
        "the sign of the middle term of gx": part(mean=-1),
        "x instead of xh in the last term of gx": (
            (h - mean(h) - x * mean(h * x)) / sigma,
            gw,
            gb,
        ),
        "the variance is the one with 1/(d − 1)": whole(ddof=1),
        "weight comes after the projection, not into h": part(after=True),
        "weight is missing in gx": (formula(gy, x, 1 + 0 * weight, eps)[0], gw, gb),
        "eps is missing": whole(eps=0),
        "eps is added to the root, not to the variance": whole(late=True),
        "gx is not divided by σ": (gx * sigma, gw, gb),
        "gx is divided by σ²": (gx / sigma, gw, gb),
        "sums instead of means in gx": part(mean=d, along=d),
        "the means are over the rows: that is BatchNorm": whole(axis=rows),
        "the means are over all axes": whole(axis=None),
        "gweight is made with x, not xh": (gx, (gy * x).sum(axis=rows), gb),
        "gweight and gbias are means, not sums": (gx, gw / count, gb / count),
        "gweight and gbias are made with weight * gy": (gx, weight * gw, weight * gb),
        "gweight and gbias are summed over the first axis only": over(0),
        "gweight and gbias are not summed over the leading axes": over(()),
        "gweight and gbias are summed over the features": over(-1),
        "gbias is returned before gweight": (gx, gb, gw),
    }


def check(student, rng, draw):
    given = problem(rng, draw)
    want = right(*given)
    with np.errstate(all="ignore"):  # a variance of one row is 0
        known = mistakes(*given)
    got = student.layer_norm_backward(*given)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(0.8)")


@pytest.mark.points(3)
@pytest.mark.draws((2, 3, 5), (6, 4), (3, 2, 4, 7))
def test_gradients(student, rng, draw):
    """gx, gweight and gbias for x with 2, 3 and 4 axes."""
    check(student, rng, draw)


@pytest.mark.draws((6,), (1, 4), (1, 1, 5))
def test_one_row(student, rng, draw):
    """The same for one row: x (d,), (1, d) and (1, 1, d)."""
    check(student, rng, draw)


@pytest.mark.draws((2, 3, 5), (7, 4))
def test_shift_is_invisible(student, rng, draw):
    """Adding a number to a row does not change y, so each row of gx sums to 0."""
    gy, x, weight, eps = given = problem(rng, draw)
    got = student.layer_norm_backward(gy, x, weight, eps)
    gx, _, _ = take(got, gx=draw, gweight=draw[-1:], gbias=draw[-1:])
    known = {said: v[0] for said, v in mistakes(*given).items()}
    rows = {said: v.sum(axis=-1) for said, v in known.items()}
    compare(
        gx.sum(axis=-1),
        want=np.zeros(draw[:-1]),
        mistakes={said: v for said, v in rows.items() if not np.allclose(v, 0)},
        tol=TOL,
        scale=1,
        equation="(0.8)",
        called="layer_norm_backward(...) and gx summed over the last axis",
    )
