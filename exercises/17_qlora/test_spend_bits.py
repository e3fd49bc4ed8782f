"""Grader of spend_bits. Blocks are exact; the reference rounds by looking for the place
between mid-points, one block at a time: means of 4096 squares err by 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [  # budget, constant: met exactly in some, not in others
    (4.5, 16),
    (4.5, 32),
    (4.3, 16),
    (5.0, 32),
    (4.13, 16),
    (6.0, 32),  # blocks of 16 and 32
    (7.0, 16),  # nothing below 16 may be taken
    (4.016, 32),  # blocks of 2048 and 4096
]


def problem(rng, budget, constant, n=8192):
    """Weights of a skewed bell with a few large ones; an uneven code book."""
    w = rng.normal(size=n) + 0.35 * rng.exponential(size=n)
    w[rng.choice(n, 40, replace=False)] *= 4
    inner = np.sort(rng.uniform(-0.9, 0.9, 14))
    return w, np.r_[-1.0, inner, 1.0], budget, constant


def nearest(z, levels):
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, z)]


def absmax_error(w, levels, B, power=None, signed=False):
    total = 0.0
    for start in range(0, len(w), B):
        part = w[start : start + B]
        m = part.max() if signed else max(part.max(), -part.min())
        total += float(np.sum((part - m * nearest(part / m, levels)) ** 2))
    return total / len(w)


def affine_error(w, B, steps=15, down=False, levels=None, low="min"):
    total = 0.0
    for start in range(0, len(w), B):
        part = w[start : start + B]
        top = part.max() if low == "min" else np.abs(part).max()
        a = part.min() if low == "min" else -top
        step = (top - a) / steps
        z = (part - a) / step
        if levels is not None:
            found = nearest(z, (levels + 1) / 2 * steps)
        elif down:
            found = np.floor(z)
        else:
            found = nearest(z, np.arange(steps + 1))
        total += float(np.sum((part - a - step * found) ** 2))
    return total / len(w)


def smallest(budget, bits, strict=False, largest=False):
    sizes = [B for B in (2**i for i in range(4, 13)) if bits / B <= budget - 4]
    if strict:
        sizes = [B for B in sizes if bits / B < budget - 4]
    return sizes[-1 if largest else 0]


def answer(w, levels, one, two):
    return one, absmax_error(w, levels, one), two, affine_error(w, two)


def mistakes(given):
    w, levels, budget, c = given
    want = one, first, two, second = right(given)

    def at(scale=1, **how):
        blocks = (smallest(budget, k * c * scale, **how) for k in (1, 2))
        return answer(w, levels, *blocks)

    known = {
        "the affine code stores two constants per block: count both": answer(
            w, levels, one, one
        ),
        "absmax stores one constant per block, not two": answer(w, levels, two, two),
        "a block that meets the budget exactly is refused": at(strict=True),
        "the largest block, not the smallest": at(largest=True),
        "32 bits per constant, whatever `constant` says": at(32 / c),
        "16 bits per constant, whatever `constant` says": at(16 / c),
        "the sum of squares, not the mean": (one, first * len(w), two, second * len(w)),
        "the root of the mean": (one, first**0.5, two, second**0.5),
        "affine: rounded down, not to the nearest": (
            one,
            first,
            two,
            affine_error(w, two, down=True),
        ),
        "affine: 16 levels have 15 steps between them, not 16": (
            one,
            first,
            two,
            affine_error(w, two, 16),
        ),
        "affine: `levels` instead of even steps": (
            one,
            first,
            two,
            affine_error(w, two, levels=levels),
        ),
        "affine: from −max |w|, not from the minimum": (
            one,
            first,
            two,
            affine_error(w, two, low="-max"),
        ),
        "absmax: even levels instead of `levels`": (
            one,
            absmax_error(w, np.linspace(-1, 1, 16), one),
            two,
            second,
        ),
        "absmax: the maximum without its sign taken off": (
            one,
            absmax_error(w, levels, one, signed=True),
            two,
            second,
        ),
        "absmax: one scale for all weights": (
            one,
            absmax_error(w, levels, len(w)),
            two,
            second,
        ),
        "the affine code is returned first": (two, second, one, first),
    }
    return {k: v for k, v in known.items() if not np.allclose(v, want, 1e-7, 0)}


def right(given):
    w, levels, budget, c = given
    return answer(w, levels, *(smallest(budget, k * c) for k in (1, 2)))


def judge(student, given):
    compare(
        student.spend_bits(*given),
        want=right(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(17.4)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_blocks_and_errors(student, rng, draw):
    """Both blocks, and both errors."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((4.6, 16), (4.55, 32), (4.2, 16))
def test_few_weights(student, rng, draw):
    """A single piece of 4096 weights."""
    judge(student, problem(rng, *draw, n=4096))
