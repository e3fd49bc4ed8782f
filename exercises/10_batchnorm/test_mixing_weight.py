"""Grader of mixing_weights: the least of an error known at three weights. Bounds: 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(3, 4), (2, 9), (5, 2), (4, 30)]  # channels, entries


def problem(rng, C, n):
    mean_s, mean_t = rng.normal(size=C), rng.normal(size=C) + 1.5
    return mean_s, rng.uniform(0.4, 0.9, C), mean_t, rng.uniform(1.4, 2.5, C), n


def least(start, truth, expected, noise):
    """The lowest point of the parabola E(w) through its values at w = 0, 1, 2."""

    def error(w):
        return ((1 - w) * start + w * expected - truth) ** 2 + w**2 * noise

    low, middle, high = error(0), error(1), error(2)
    return (3 * low - 4 * middle + high) / (2 * (low - 2 * middle + high))


def right(mean_s, var_s, mean_t, var_t, n):
    short = var_t * (n - 1) / n
    return (
        least(mean_s, mean_t, mean_t, var_t / n),
        least(var_s, var_t, short, 2 * var_t**2 * (n - 1) / n**2),
    )


def of_alpha(mean_s, var_s, mean_t, var_t, n):
    d2 = (mean_t - mean_s) ** 2
    return {
        "the weight of the source, not of the sample": (var_t / n) / (d2 + var_t / n),
        "the variance is not divided by n": d2 / (d2 + var_t),
        "|δ| instead of δ²": d2**0.5 / (d2**0.5 + var_t / n),
        "the source's variance instead of the target's": d2 / (d2 + var_s / n),
        "standard errors, no squares": d2**0.5 / (d2**0.5 + (var_t / n) ** 0.5),
        "n − 1 instead of n": d2 / (d2 + var_t / (n - 1)),
    }


def of_beta(mean_s, var_s, mean_t, var_t, n):
    a, b, noise = var_s - var_t, -var_t / n, 2 * var_t**2 * (n - 1) / n**2
    return {
        "the same weight as for the mean": right(mean_s, var_s, mean_t, var_t, n)[0],
        "the bias of s² is forgotten": a**2 / (a**2 + noise),
        "the bias enters with the wrong sign": a * (a + b) / ((a + b) ** 2 + noise),
        "the weight of the source, not of the sample": (
            1 - a * (a - b) / ((a - b) ** 2 + noise)
        ),
        "the noise of an unbiased variance": (
            a * (a - b) / ((a - b) ** 2 + 2 * var_t**2 / (n - 1))
        ),
        "the noise lacks its 2": a * (a - b) / ((a - b) ** 2 + noise / 2),
        "(a − b)² over the sum": (a - b) ** 2 / ((a - b) ** 2 + noise),
        "the source's variance in the noise": (
            a * (a - b) / ((a - b) ** 2 + noise * (var_s / var_t) ** 2)
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_alpha(student, rng, draw):
    """The weight of the sample's mean."""
    given = problem(rng, *draw)
    compare(
        student.mixing_weights(*given)[0],
        want=right(*given)[0],
        mistakes=of_alpha(*given),
        tol=TOL,
        equation="(10.13)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_beta(student, rng, draw):
    """The weight of the sample's biased variance."""
    given = problem(rng, *draw)
    compare(
        student.mixing_weights(*given)[1],
        want=right(*given)[1],
        mistakes=of_beta(*given),
        tol=TOL,
        equation="(10.14)",
    )
