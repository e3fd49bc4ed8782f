"""Grader of rotary. Bounds: angles below 100 round to 1e-14, and so do the entries."""

import cmath
import math

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
H, T, D, BASE = 2, 5, 6, 50.0


def problem(seed):
    """Positions as a cache gives them: in order, but they do not start at 0."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(H, T, D)), rng.integers(3, 9) + np.arange(T) ** 2


def rate(i, base=BASE):
    return math.exp(-2 * i / D * math.log(base))


def turn(x, positions, rates=None, sign=1, pairs=None):
    """Each pair as a complex number a + ib, times e^{i m θ}: another route."""
    rates = [rate(i) for i in range(D // 2)] if rates is None else rates
    pairs = [(i, i + D // 2) for i in range(D // 2)] if pairs is None else pairs
    y = np.zeros_like(x)
    for h in range(H):
        for t, m in enumerate(positions):
            for (i, j), theta in zip(pairs, rates):
                z = complex(x[h, t, i], x[h, t, j]) * cmath.exp(1j * sign * m * theta)
                y[h, t, i], y[h, t, j] = z.real, z.imag
    return y


def mistakes(x, positions):
    half = range(D // 2)
    neighbours = [(2 * i, 2 * i + 1) for i in half]
    first, second = np.split(x, 2, axis=-1)
    angle = np.array(positions)[:, None] * np.array([rate(i) for i in half])
    cos, sin = np.cos(angle), np.sin(angle)
    even, odd = x[..., ::2], x[..., 1::2]

    def join(a, b):
        return np.concatenate([a, b], axis=-1)

    return {
        "neighbours are paired: the interleaved layout": turn(
            x, positions, pairs=neighbours
        ),
        "pairs are read interleaved and written half-split": join(
            even * cos - odd * sin, odd * cos + even * sin
        ),
        "turned backwards, by −mθ": turn(x, positions, sign=-1),
        "no rotation: the sign of one sin is wrong": join(
            first * cos - second * sin, second * cos - first * sin
        ),
        "sin and cos are swapped": join(
            first * sin - second * cos, second * sin + first * cos
        ),
        "the exponent is −i/d instead of −2i/d": turn(
            x, positions, [rate(i / 2) for i in half]
        ),
        "the exponent is −4i/d instead of −2i/d": turn(
            x, positions, [rate(2 * i) for i in half]
        ),
        "the exponent is +2i/d instead of −2i/d": turn(
            x, positions, [rate(-i) for i in half]
        ),
        "i starts at 1: the first rate must be 1": turn(
            x, positions, [rate(i + 1) for i in half]
        ),
        "positions are counted from 1 more": turn(x, np.array(positions) + 1),
        "`positions` was ignored: 0 .. T − 1 was used": turn(x, range(T)),
        "`base` was ignored: 10000 was used": turn(
            x, positions, [rate(i, 10000.0) for i in half]
        ),
    }


@pytest.mark.points(3)
def test_turn(student, seed):
    """Random vectors at positions that do not start at 0, with another base."""
    x, positions = problem(seed)
    got = student.rotary(x, positions, BASE)
    compare(
        got,
        want=turn(x, positions),
        mistakes=mistakes(x, positions),
        tol=TOL,
        equation="(2.10)",
    )


def test_default_base(student, seed):
    """The base is 10000 unless another is given."""
    x, positions = problem(seed)
    rates = [rate(i, 10000.0) for i in range(D // 2)]
    compare(
        student.rotary(x, positions),
        want=turn(x, positions, rates),
        tol=TOL,
        equation="(2.10)",
    )


@pytest.mark.points(2)
def test_products_know_only_the_distance(student, seed):
    """Query · key after turning depends on the difference of their positions."""
    (q, k), m = np.random.default_rng(seed).normal(size=(2, D)), np.array([2, 9, 40])
    x = np.stack([np.tile(q, (3, 1)), np.tile(k, (3, 1))])
    at_q, at_k = student.rotary(x, m + 4, BASE)[0], student.rotary(x, m, BASE)[1]
    z, w = q[: D // 2] + 1j * q[D // 2 :], k[: D // 2] + 1j * k[D // 2 :]
    spin = np.exp(4j * np.array([rate(i) for i in range(D // 2)]))
    compare(
        (at_q * at_k).sum(axis=1),
        want=np.full(3, (z * w.conj() * spin).sum().real),
        mistakes={
            "turned backwards, by −mθ": np.full(
                3, (z * w.conj() * spin.conj()).sum().real
            ),
            "`positions` was ignored: 0 .. T − 1 was used": np.full(3, q @ k),
        },
        tol=TOL,
        equation="(2.11)",
        called="⟨rotary(q, m + 4), rotary(k, m)⟩ for m = 2, 9, 40",
    )


def test_position_0(student, seed):
    """Position 0 turns nothing, and no position changes a length."""
    x, positions = problem(seed)
    still = np.zeros(T, int)
    compare(
        student.rotary(x, still, BASE),
        want=x,
        mistakes={
            "positions are counted from 1 more": turn(x, still + 1),
            "`positions` was ignored: 0 .. T − 1 was used": turn(x, range(T)),
        },
        tol=TOL,
        equation="(2.10)",
    )
    compare(
        np.linalg.norm(student.rotary(x, positions, BASE), axis=-1),
        want=np.linalg.norm(x, axis=-1),
        tol=TOL,
        equation="(2.10)",
        called="the lengths of rotary(x)",
    )
