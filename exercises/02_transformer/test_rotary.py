"""Grader of rotary. Bounds: angles below 100 round to 1e-14, and so do the entries."""

import cmath
import math

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
# heads, tokens, width, base
DRAWS = (2, 5, 6, 50.0), (1, 3, 8, 7.0), (4, 7, 10, 300.0), (3, 1, 4, 20.0)
BACK, ONE_MORE = "turned backwards, by −mθ", "positions are counted from 1 more"
IGNORED = "`positions` was ignored: 0 .. T − 1 was used"
DEFAULT = "`base` was ignored: 10000 was used"


def problem(rng, H, T, D, base):
    """Positions as a cache gives them: they do not start at 0, nor rise by 1."""
    positions = rng.integers(3, 9) + rng.permutation(np.arange(T) ** 2)
    return rng.normal(size=(H, T, D)), positions, base


def rate(i, D, base):
    return math.exp(-2 * i / D * math.log(base))


def turn(x, positions, base, power=lambda i: i, sign=1, neighbours=False):
    """Each pair as a complex number a + ib, times e^{i m θ}: another route."""
    (H, _, D), y = x.shape, np.zeros_like(x)
    for i in range(D // 2):
        a, b = (2 * i, 2 * i + 1) if neighbours else (i, i + D // 2)
        theta = sign * rate(power(i), D, base)
        for h in range(H):
            for t, m in enumerate(positions):
                z = complex(x[h, t, a], x[h, t, b]) * cmath.exp(1j * m * theta)
                y[h, t, a], y[h, t, b] = z.real, z.imag
    return y


def mistakes(x, positions, base):
    D, given = x.shape[-1], (x, positions, base)
    rates = np.array([rate(i, D, base) for i in range(D // 2)])
    angle = np.asarray(positions)[:, None] * rates
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = np.split(x, 2, axis=-1)
    even, odd = x[..., ::2], x[..., 1::2]

    def join(a, b):
        return np.concatenate([a, b], axis=-1)

    def repeated(wide):
        half_turned = join(-b, a)
        return x * wide(np.cos(angle)) + half_turned * wide(np.sin(angle))

    return {
        "neighbours are paired: the interleaved layout": turn(*given, neighbours=True),
        "pairs are read interleaved and written half-split": join(
            even * cos - odd * sin, odd * cos + even * sin
        ),
        "the angles are laid out for neighbours: θ_0, θ_0, θ_1, θ_1": repeated(
            lambda c: np.repeat(c, 2, axis=-1)
        ),
        BACK: turn(*given, sign=-1),
        "no rotation: the sign of one sin is wrong": join(
            a * cos - b * sin, b * cos - a * sin
        ),
        "no rotation: both sines are added": join(a * cos + b * sin, b * cos + a * sin),
        "sin and cos are swapped": join(a * sin - b * cos, b * sin + a * cos),
        "the two halves are returned in the wrong order": join(
            b * cos + a * sin, a * cos - b * sin
        ),
        "only the first half is turned": join(a * cos - b * sin, b),
        "x is multiplied by cos alone": join(a * cos, b * cos),
        "the exponent is −i/d instead of −2i/d": turn(*given, lambda i: i / 2),
        "the exponent is −4i/d instead of −2i/d": turn(*given, lambda i: 2 * i),
        "the exponent is +2i/d instead of −2i/d": turn(*given, lambda i: -i),
        "i starts at 1: the first rate must be 1": turn(*given, lambda i: i + 1),
        "i runs backwards: the last rate is 1": turn(*given, lambda i: D // 2 - 1 - i),
        "one rate for all pairs": turn(*given, lambda i: 0),
        ONE_MORE: turn(x, np.asarray(positions) + 1, base),
        IGNORED: turn(x, range(len(positions)), base),
        DEFAULT: turn(x, positions, 10000.0),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_turn(student, rng, draw):
    """Random vectors at positions that do not start at 0, with another base."""
    given = problem(rng, *draw)
    want = turn(*given)
    compare(
        student.rotary(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(2.10)",
    )


@pytest.mark.draws((2, 3, 4), (1, 5, 12), (3, 4, 2))
def test_default_base(student, rng, draw):
    """The base is 10000 unless another is given; d = 2 has one pair."""
    given = problem(rng, *draw, 10000.0)
    want = turn(*given)
    compare(
        student.rotary(*given[:2]),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(2.10)",
    )


@pytest.mark.points(2)
@pytest.mark.draws((6, 50.0, 4, (2, 9, 40)), (10, 9.0, 7, (0, 3, 11, 25)))
def test_products_know_only_the_distance(student, rng, draw):
    """Query · key after turning depends on the difference of their positions."""
    D, base, gap, places = draw
    (q, k), m, n = rng.normal(size=(2, D)), np.array(places), len(places)
    x = np.stack([np.tile(q, (n, 1)), np.tile(k, (n, 1))])

    def products(turned):
        return (turned(x, m + gap, base)[0] * turned(x, m, base)[1]).sum(axis=1)

    def asked(*given):
        return take(student.rotary(*given), x=(2, n, D))

    z, w = q[: D // 2] + 1j * q[D // 2 :], k[: D // 2] + 1j * k[D // 2 :]
    spin = np.exp(1j * gap * np.array([rate(i, D, base) for i in range(D // 2)]))
    want = np.full(n, (z * w.conj() * spin).sum().real)
    names = list(mistakes(x, m, base))
    known = {
        said: products(lambda *given, said=said: mistakes(*given)[said])
        for said in names
    }
    compare(
        products(asked),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(2.11)",
        called=f"⟨rotary(q, m + {gap}), rotary(k, m)⟩ for m = {', '.join(map(str, m))}",
    )


@pytest.mark.draws((2, 5, 6, 50.0), (3, 4, 8, 7.0))
def test_position_0(student, rng, draw):
    """Position 0 turns nothing, and no position changes a length."""
    x, _, base = given = problem(rng, *draw)
    still = np.zeros(draw[1], int)
    compare(
        student.rotary(x, still, base),
        want=x,
        mistakes=mistakes(x, still, base),
        tol=TOL,
        equation="(2.10)",
    )
    want = np.linalg.norm(x, axis=-1)
    lengths = {k: np.linalg.norm(v, axis=-1) for k, v in mistakes(*given).items()}
    compare(
        np.linalg.norm(take(student.rotary(*given), x=x.shape), axis=-1),
        want=want,
        mistakes=lengths,
        tol=TOL,
        equation="(2.10)",
        called="the lengths of rotary(x)",
    )
