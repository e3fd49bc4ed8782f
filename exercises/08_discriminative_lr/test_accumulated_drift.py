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


def descend(curvature, delta, rates, steps, every=0):
    """Gradient descent itself, from 0 on Σ k_l (θ_l − δ_l)²/2, one more layer at a time."""
    theta, joins = np.zeros_like(delta), every * np.arange(len(delta))[::-1]
    for t in range(steps):
        move = rates * curvature * (theta - delta)
        theta = np.where(t >= joins, theta - move, theta)
    return np.abs(theta)


def down(lr, decay, count):
    return lr * np.cumprod([1.0, *[decay] * (count - 1)])[::-1]


def mistakes(k, delta, lr, decay, t, every):
    L, size = len(k), np.abs(delta)
    rates, above = down(lr, decay, L), np.arange(L)[::-1]
    own = np.maximum(0, t - every * above)
    step = 1 - rates * k
    first = t - every * (L - 1)
    return {
        "linearised: t times the first step": own * rates * k * size,
        "what is left to go, not what was covered": np.abs(step**own) * size,
        "the rates are in inverted order": descend(k, delta, rates[::-1], t, every),
        "layers numbered from 0: the top layer has α·η0": descend(
            k, delta, decay * rates, t, every
        ),
        "one rate for all layers": descend(k, delta, lr + 0 * rates, t, every),
        "all layers train from the first step": descend(k, delta, rates, t),
        "the layers join from the bottom up": descend(
            k[::-1], delta[::-1], rates[::-1], t, every
        )[::-1],
        "a layer that has not joined runs backwards": np.abs(
            (1 - step ** (1.0 * t - every * above)) * delta
        ),
        "only layers that all trained together move": descend(
            k, delta, rates, max(0, first)
        ),
        "a layer counts the steps of all before it joins, not its own": descend(
            k, delta, rates, t
        )
        * (every * above < t),
        "the curvature is missing": descend(k / k, delta, rates, t, every),
        "the distance |δ_l| is missing": descend(k, delta / delta, rates, t, every),
        "the sign of δ_l was kept": np.sign(delta) * descend(k, delta, rates, t, every),
        "the limit of small steps, 1 − exp(−ηkt)": (1 - np.exp(-rates * k * own)) * size,
        "the last step alone": np.abs(rates * k * step ** (own - 1.0))
        * (own > 0)
        * size,
        "η0 is missing in the rates": descend(k, delta, rates / lr, t, every),
        "(1 − α) instead of α": descend(k, delta, down(lr, 1 - decay, L), t, every),
        "1 + ηk: the steps go uphill": np.abs((1 - (1 + rates * k) ** own) * delta),
        "the drift of the squared distance": descend(k, delta, rates, t, every) ** 2,
        "one step too few": np.abs((1 - step ** np.maximum(own - 1, 0)) * delta),
        "one step too many": np.abs((1 - step ** (own + 1)) * delta),
        "1 − (ηk)^t: the power of the wrong number": np.abs(
            (1 - (rates * k) ** own) * delta
        ),
        "δ_l is squared": descend(k, delta**2, rates, t, every),
        "Adam's drift, η·t and at most |δ_l|": np.minimum(rates * own, size),
        "the step of a quadratic without its ½, twice too long": descend(
            2 * k, delta, rates, t, every
        ),
    }


def check(student, rng, count, steps, every):
    k, delta, lr, decay = given = problem(rng, count)
    with np.errstate(all="ignore"):  # what grows, grows without bound
        known = mistakes(*given, steps, every)
    compare(
        student.accumulated_drift(*given, steps, every),
        want=descend(k, delta, down(lr, decay, count), steps, every),
        mistakes=known,
        tol=TOL,
        scale=None if steps else 1,
        equation="(8.7)",
    )


@pytest.mark.points(2)
@pytest.mark.draws((5, 3), (4, 11), (7, 2), (2, 6))
def test_some_steps(student, rng, draw):
    """The drift of several layers that all train, after a few steps."""
    check(student, rng, *draw, 0)


@pytest.mark.points(2)
@pytest.mark.draws((5, 7, 1), (4, 11, 3), (6, 7, 2), (2, 6, 4))
def test_gradual(student, rng, draw):
    """One more layer joins after each 1 to 4 steps; some never do."""
    check(student, rng, *draw)


@pytest.mark.draws((1, 4), (1, 1), (3, 1))
def test_few(student, rng, draw):
    """One layer has the rate η0; one step drifts by η k |δ|."""
    check(student, rng, *draw, 0)


@pytest.mark.draws(5, 2)
def test_start(student, rng, draw):
    """After no step nothing has moved."""
    check(student, rng, draw, 0, 2)


@pytest.mark.draws(3, 6)
def test_end(student, rng, draw):
    """After a million steps every layer has drifted by |δ_l|, whatever α is."""
    _, delta, *_ = given = problem(rng, draw)
    want = np.abs(delta)
    compare(
        student.accumulated_drift(*given, 10**6, 10),
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
