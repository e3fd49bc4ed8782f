"""Grader of accumulated_drift. Bounds: roundings of a power of 11 steps, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10


def problem(rng, count):
    curvature, delta = rng.uniform(0.5, 2.0, count), rng.uniform(0.5, 2.0, count)
    delta[:: rng.integers(2, 4)] *= -1  # both signs, none near 0
    return (
        curvature,
        delta,
        float(rng.uniform(0.3, 0.45)),
        float(rng.uniform(0.4, 0.48)),
    )


def descend(curvature, delta, rates, steps):
    """Gradient descent itself, from 0 on Σ k_l (θ_l − δ_l)²/2."""
    theta = np.zeros_like(delta)
    for _ in range(steps):
        theta = theta - rates * curvature * (theta - delta)
    return np.abs(theta)


def down(lr, decay, count):
    return lr * np.cumprod([1.0, *[decay] * (count - 1)])[::-1]


def mistakes(k, delta, lr, decay, t):
    L = len(k)
    rates = down(lr, decay, L)
    return {
        "linearised: t times the first step": t * rates * k * np.abs(delta),
        "what is left to go, not what was covered": np.abs(
            (1 - rates * k) ** t * delta
        ),
        "the rates are in inverted order": descend(k, delta, rates[::-1], t),
        "layers numbered from 0: the top layer has α·η0": descend(
            k, delta, decay * rates, t
        ),
        "one rate for all layers": descend(k, delta, lr + 0 * rates, t),
        "the curvature is missing": descend(k / k, delta, rates, t),
        "the distance |δ_l| is missing": descend(k, delta / delta, rates, t),
        "the sign of δ_l was kept": np.sign(delta) * descend(k, delta, rates, t),
        "the limit of small steps, 1 − exp(−ηkt)": (1 - np.exp(-rates * k * t))
        * np.abs(delta),
        "the last step alone": np.abs(rates * k * (1 - rates * k) ** (t - 1) * delta),
        "η0 is missing in the rates": descend(k, delta, rates / lr, t),
        "(1 − α) instead of α": descend(k, delta, down(lr, 1 - decay, L), t),
        "1 + ηk: the steps go uphill": np.abs((1 - (1 + rates * k) ** t) * delta),
        "the drift of the squared distance": descend(k, delta, rates, t) ** 2,
        "one step too few": descend(k, delta, rates, max(t - 1, 0)),
        "one step too many": descend(k, delta, rates, t + 1),
        "1 − (ηk)^t: the power of the wrong number": np.abs(
            (1 - (rates * k) ** t) * delta
        ),
        "δ_l is squared": descend(k, delta**2, rates, t),
        "Adam's drift, η·t and at most |δ_l|": np.minimum(rates * t, np.abs(delta)),
        "the step of a quadratic without its ½, twice too long": descend(
            2 * k, delta, rates, t
        ),
    }


def check(student, rng, count, steps, want, scale=None):
    given = problem(rng, count)
    with np.errstate(all="ignore"):  # what grows, grows without bound
        known = mistakes(*given, steps)
    compare(
        student.accumulated_drift(*given, steps),
        want=want(*given),
        mistakes=known,
        tol=TOL,
        scale=scale,
        equation="(8.7)",
    )


@pytest.mark.points(2)
@pytest.mark.draws((5, 3), (4, 11), (7, 2), (2, 6))
def test_some_steps(student, rng, draw):
    """The drift of several layers after a few steps."""
    count, steps = draw
    check(
        student,
        rng,
        *draw,
        lambda k, delta, lr, decay: descend(k, delta, down(lr, decay, count), steps),
    )


@pytest.mark.draws((1, 4), (1, 1), (3, 1))
def test_few(student, rng, draw):
    """One layer has the rate η0; one step drifts by η k |δ|."""
    count, steps = draw
    check(
        student,
        rng,
        *draw,
        lambda k, delta, lr, decay: descend(k, delta, down(lr, decay, count), steps),
    )


@pytest.mark.draws(5, 2)
def test_start(student, rng, draw):
    """After no step nothing has moved."""
    check(student, rng, draw, 0, lambda k, delta, lr, decay: 0 * delta, scale=1)


@pytest.mark.draws(3, 6)
def test_end(student, rng, draw):
    """After a million steps every layer has drifted by |δ_l|, whatever α is."""
    _, delta, *_ = given = problem(rng, draw)
    want = np.abs(delta)
    compare(
        student.accumulated_drift(*given, 10**6),
        want=want,
        mistakes={
            "what is left to go, not what was covered": 0 * delta,
            "the sign of δ_l was kept": delta,
            "the distance |δ_l| is missing": np.ones(draw),
            "δ_l is squared": delta**2,
            "the last step alone": 0 * delta,
        },
        tol=TOL,
        equation="(8.7)",
    )
