"""Grader of accumulated_drift. Bounds: roundings of a power of 9 steps, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10


def problem(seed, count=5):
    rng = np.random.default_rng(seed)
    curvature, delta = rng.uniform(0.5, 2.0, count), rng.uniform(0.5, 2.0, count)
    delta[:: rng.integers(2, 4)] *= -1  # both signs, none near 0
    return curvature, delta, rng.uniform(0.3, 0.45), rng.uniform(0.45, 0.6)


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
        "one step too few": descend(k, delta, rates, t - 1),
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


@pytest.mark.points(2)
def test_some_steps(student, seed):
    """The drift of five layers after 3 and after 9 steps."""
    k, delta, lr, decay = problem(seed)
    for t in (3, 9):
        compare(
            student.accumulated_drift(k, delta, lr, decay, t),
            want=descend(k, delta, down(lr, decay, len(k)), t),
            mistakes=mistakes(k, delta, lr, decay, t),
            tol=TOL,
            equation="(8.7)",
        )


def test_start(student, seed):
    """After no step nothing has moved."""
    k, delta, lr, decay = problem(seed)
    compare(
        student.accumulated_drift(k, delta, lr, decay, 0),
        want=np.zeros(len(k)),
        mistakes={"what is left to go, not what was covered": np.abs(delta)},
        tol=TOL,
        scale=1,
        equation="(8.7)",
    )


def test_end(student, seed):
    """After a million steps every layer has drifted by |δ_l|, whatever α is."""
    k, delta, lr, decay = problem(seed)
    compare(
        student.accumulated_drift(k, delta, lr, decay, 10**6),
        want=np.abs(delta),
        mistakes={
            "what is left to go, not what was covered": 0 * delta,
            "the sign of δ_l was kept": delta,
            "the distance |δ_l| is missing": np.ones(len(k)),
        },
        tol=TOL,
        equation="(8.7)",
    )
