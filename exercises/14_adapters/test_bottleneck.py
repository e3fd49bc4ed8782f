"""Grader of bottleneck. Bounds: rounding, below 1e-14 for sums of a few terms."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # batch axes, k, d, widths inside: no two sizes of a draw are equal
    ((4,), 6, 5, (3, 2)),
    ((2, 3), 7, 4, (5, 1, 8)),
    ((), 3, 6, (4, 2)),
    ((3, 1, 2), 5, 8, (6, 4)),
]


def problem(rng, batch, k, d, widths, parallel):
    x, y = rng.normal(size=(*batch, k)), rng.normal(size=(*batch, d))
    adapters = []
    for i, m in enumerate(widths):
        D, b = rng.normal(size=(m, k if parallel else d)) / 2, rng.normal(size=m) + 1
        U, c = rng.normal(size=(d, m)) / 2, rng.normal(size=d) + 1
        adapters.append((D, b, U, c, 1.7 - 0.9 * i + rng.uniform(0, 0.1)))
    return x, y, adapters


def correction(h, D, b, U, c, f=np.tanh):
    """One vector after the other: U f(D h + b) + c."""
    found = np.empty((*h.shape[:-1], len(c)))
    for at in np.ndindex(h.shape[:-1]):
        found[at] = U @ f(D @ h[at] + b) + c
    return found


def stacked(x, y, adapters, parallel, added=None, reads=None):
    """y' of all adapters; added(h, y, D, b, U, c, s): the y' of one."""
    out = y
    for D, b, U, c, s in adapters:
        h = reads(x, y, out) if reads else x if parallel else out
        one = s * correction(h, D, b, U, c)
        out = added(h, out, D, b, U, c, s) if added else out + one
    return out


def relu(x):
    return np.maximum(x, 0)


PARTS = {  # the y' of one adapter with each mistake, from h and y
    "the skip connection y is missing": lambda h, y, D, b, U, c, s: (
        s * correction(h, D, b, U, c)
    ),
    "b is missing": lambda h, y, D, b, U, c, s: y + s * correction(h, D, 0 * b, U, c),
    "c is missing": lambda h, y, D, b, U, c, s: y + s * correction(h, D, b, U, 0 * c),
    "the scale is missing": lambda h, y, D, b, U, c, s: y + correction(h, D, b, U, c),
    "the scale is squared": lambda h, y, D, b, U, c, s: (
        y + s * s * correction(h, D, b, U, c)
    ),
    "the scale does not reach c": lambda h, y, D, b, U, c, s: (
        y + s * correction(h, D, b, U, 0 * c) + c
    ),
    "the scale multiplies y too": lambda h, y, D, b, U, c, s: (
        s * (y + correction(h, D, b, U, c))
    ),
    "the scale is inside tanh": lambda h, y, D, b, U, c, s: (
        y + correction(h, s * D, s * b, U, c)
    ),
    "the correction is subtracted": lambda h, y, D, b, U, c, s: (
        y - s * correction(h, D, b, U, c)
    ),
    "no tanh inside": lambda h, y, D, b, U, c, s: (
        y + s * correction(h, D, b, U, c, lambda x: x)
    ),
    "relu instead of tanh": lambda h, y, D, b, U, c, s: (
        y + s * correction(h, D, b, U, c, relu)
    ),
    "a sigmoid instead of tanh": lambda h, y, D, b, U, c, s: (
        y + s * correction(h, D, b, U, c, lambda x: 1 / (1 + np.exp(-x)))
    ),
    "tanh after U, not before": lambda h, y, D, b, U, c, s: (
        y + s * (np.tanh(correction(h, D, b, U, 0 * c, lambda x: x)) + c)
    ),
    "b is added after tanh, not before": lambda h, y, D, b, U, c, s: (
        y + s * (correction(h, D, 0 * b, U, c) + U @ b)
    ),
}


def mistakes(given):
    x, y, adapters, parallel = given
    right = stacked(*given)
    known = {name: stacked(*given, added=part) for name, part in PARTS.items()}
    known |= {
        "y is left out at the end": right - y,
        "only the last adapter is left": stacked(x, y, adapters[-1:], parallel),
        "only the first adapter is left": stacked(x, y, adapters[:1], parallel),
        "the adapters act in reverse order": stacked(x, y, adapters[::-1], parallel),
        "the mean of the corrections, not their sum": y + (right - y) / len(adapters),
    }
    if not parallel:
        known["every adapter reads the first y, not what came before it"] = stacked(
            *given, reads=lambda x, y, out: y
        )
    if x.shape == y.shape:
        known |= {
            "D reads x without being parallel": stacked(
                *given, reads=lambda x, y, out: x
            ),
            "parallel is ignored: D reads y": stacked(
                *given, reads=lambda x, y, out: out
            ),
            "D reads y, not x": stacked(*given, reads=lambda x, y, out: y),
            "the correction is added to x, not to y": right - y + x,
        }
    return known


def check(student, rng, sizes, parallel, named=None):
    given = *problem(rng, *sizes, parallel), parallel
    want = stacked(*given)
    extra = (named,) if named is not None else ()
    compare(
        student.bottleneck(*given[:3], *extra),
        want=want,
        mistakes=mistakes(given),
        tol=TOL,
        equation="(14.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_after_the_layer(student, rng, draw):
    """A stack after the layer: the first D reads y; nothing is said of `parallel`."""
    check(student, rng, draw, False)


@pytest.mark.draws(*SIZES)
def test_beside_the_layer(student, rng, draw):
    """Beside a layer whose input has another width than its result."""
    check(student, rng, draw, True, True)


@pytest.mark.draws(((4,), 5, 5, (3, 2)), ((3, 2), 4, 4, (1, 6)))
def test_equal_widths(student, rng, draw):
    """Input and result of one width: both could be read."""
    for parallel in (True, False):
        check(student, rng, draw, parallel, parallel)


@pytest.mark.draws(((5,), 3, 4, (2,)), ((1,), 6, 3, (1,)), ((2,), 4, 4, ()))
def test_one_or_none(student, rng, draw):
    """One adapter, and none at all."""
    if draw[-1]:
        check(student, rng, draw, False, False)
    else:
        x, y, _ = problem(rng, *draw, False)
        known = {"x is returned, not y": x, "nothing is left of y": 0 * y}
        options = {"tol": TOL, "equation": "(14.1)"}
        compare(student.bottleneck(x, y, []), want=y, mistakes=known, **options)
