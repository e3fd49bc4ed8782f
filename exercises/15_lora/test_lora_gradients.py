"""Grader of lora_gradients. The reference is the complex step: exact to rounding."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
SIZES = [  # batch axes, out, in, r, p: no two sizes of a draw are equal
    ((8,), 5, 6, 3, 0.25),
    ((2, 4), 3, 7, 5, 0.4),
    ((3, 1, 2), 6, 4, 1, 0.3),
    ((), 7, 5, 2, 0.35),
]


def problem(rng, batch, out, inputs, r, p):
    """Inputs, and a mask that drops at least one entry and keeps most."""
    shapes = (*batch, inputs), (*batch, out), (out, inputs), (r, inputs), (out, r)
    arrays = [rng.normal(size=shape) for shape in shapes]
    kept = np.ones(arrays[0].size)
    kept[: max(1, round(p * kept.size))] = 0
    mask = rng.permutation(kept).reshape(arrays[0].shape) / (1 - p)
    return *arrays, rng.uniform(1.5, 2.5), mask


def slope(loss, at, h=1e-30):
    """∂loss/∂at by Im loss(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = loss(moved).imag / h
    return found


def reference(x, gy, W, A, B, s, mask):
    """The three slopes of Σ gy∘y: a loss whose gradient for y is gy."""

    def loss(x=x, A=A, B=B):
        return np.sum(gy * (x @ W.T + s * ((x * mask) @ A.T) @ B.T))

    return (
        slope(lambda a: loss(A=a), A),
        slope(lambda b: loss(B=b), B),
        slope(lambda v: loss(x=v), x),
    )


def scaled(value, s, n):
    known = {
        "s is missing": value / s,
        "s² instead of s": value * s,
        "the sign is wrong": -value,
    }
    if n > 1:
        known["divided by the batch, which is in gy already"] = value / n
    return known


def answer(student, given):
    """The three gradients; a wrong shape is told, a wrong order by name below."""
    return student.lora_gradients(*given)


def count(given):
    return given[1].size // given[1].shape[-1]


def without(given, **changes):
    """The arguments with some of them replaced, by name."""
    names = dict(zip(("x", "gy", "W", "A", "B", "s", "mask"), given))
    return tuple((names | changes).values())


def of_factors(given, want, other, i):
    """Mistakes that both factors can have: at 0 the gradient of A, at 1 that of B."""
    x, mask = given[0], given[-1]
    return scaled(want, given[5], count(given)) | {
        "gA and gB are returned in the wrong order": other,
        "the mask is forgotten": reference(*without(given, mask=0 * x + 1))[i],
        "the mask acts twice": reference(*without(given, mask=mask**2))[i],
        "the mask's 1/(1 − p) is lost": reference(*without(given, mask=mask > 0))[i],
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_A(student, rng, draw):
    """The gradient of A."""
    given = problem(rng, *draw)
    want, other, _ = reference(*given)
    known = {"gA is 0, which it is at the start only": 0 * want}
    compare(
        answer(student, given)[0],
        want=want,
        mistakes=of_factors(given, want, other, 0) | known,
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_B(student, rng, draw):
    """The gradient of B."""
    given = problem(rng, *draw)
    other, want, _ = reference(*given)
    compare(
        answer(student, given)[1],
        want=want,
        mistakes=of_factors(given, want, other, 1),
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_x(student, rng, draw):
    """The gradient of x, which earlier layers need: from both paths."""
    given = problem(rng, *draw)
    _, gy, W, A, B, s, mask = given
    base, low = gy @ W, (gy @ B @ A) * mask
    n = count(given)
    known = {
        "the frozen weight passes no gradient": s * low,
        "the adapter passes no gradient to x": base,
        "s is missing": base + low,
        "s² instead of s": base + s * s * low,
        "s is on the frozen weight too": s * (base + low),
        "the mask is forgotten": base + s * (gy @ B @ A),
        "the mask is on the frozen path too": base * mask + s * low,
        "the mask acts twice": base + s * low * mask,
        "the mask's 1/(1 − p) is lost": base + s * (gy @ B @ A) * (mask > 0),
        "the sign of the adapter's part is wrong": base - s * low,
    }
    if n > 1:
        known["divided by the batch, which is in gy already"] = (base + s * low) / n
    compare(
        answer(student, given)[2],
        want=reference(*given)[2],
        mistakes=known,
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.draws(*SIZES)
def test_start(student, rng, draw):
    """At B = 0 the gradient of A is 0 and that of B is not."""
    given = problem(rng, *draw)
    given = without(given, B=0 * given[4])
    gA, gB, _ = answer(student, given)
    other, want, _ = reference(*given)
    gA = take(gA, gA=given[3].shape) if np.shape(gA) != want.shape else gA
    swapped = {"gA and gB are returned in the wrong order": want}
    compare(
        gA, want=0 * given[3], mistakes=swapped, tol=TOL, scale=1, equation="(15.3)"
    )
    compare(
        gB,
        want=want,
        mistakes=of_factors(given, want, other, 1),
        tol=TOL,
        equation="(15.3)",
    )


@pytest.mark.draws(((6,), 4, 5, 2, 0.0), ((2, 3), 2, 7, 4, 0.0))
def test_no_dropout(student, rng, draw):
    """Without dropout, all entries of the mask 1: A, B and x at once."""
    *arrays, s, mask = problem(rng, *draw)
    given = *arrays, s, np.ones_like(mask)
    compare(answer(student, given), want=reference(*given), tol=TOL, equation="(15.2)")
