"""Grader of shift_score: both outputs are computed and compared. Bounds: 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, N=7, C=3, eps=0.2):
    """Small samples and a large ε, so that ddof and ε show."""
    rng = np.random.default_rng(seed)
    x = 1.5 + rng.uniform(1.3, 1.8, C) * rng.exponential(size=(N, C))
    return x, rng.normal(size=C), rng.uniform(0.4, 0.8, C), rng.uniform(1.3, 2, C), eps


def by_outputs(x, mean_s, var_s, gamma, eps):
    """The mean of (y_frozen − y_updated)² over the rows, from the two outputs."""
    frozen = gamma * (x - mean_s) / np.sqrt(var_s + eps)
    updated = gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return np.mean((frozen - updated) ** 2, axis=0)


def outside(x, mean_s, var_s, gamma, eps):
    a, b = 1 / (np.sqrt(var_s) + eps), 1 / (x.std(0) + eps)
    return gamma**2 * ((a - b) ** 2 * x.var(0) + a**2 * (x.mean(0) - mean_s) ** 2)


def mistakes(x, mean_s, var_s, gamma, eps):
    m, v = x.mean(0), x.var(0)
    a, b = 1 / np.sqrt(var_s + eps), 1 / np.sqrt(v + eps)
    d2, right, w = (m - mean_s) ** 2, by_outputs(x, mean_s, var_s, gamma, eps), gamma**2
    big = x.var(0, ddof=1)
    c = 1 / np.sqrt(big + eps)
    return {
        "γ is not squared": right / gamma,
        "γ is missing": right / w,
        "ε is missing": by_outputs(x, mean_s, var_s, gamma, 0.0),
        "the shift of the mean is missing": w * (a - b) ** 2 * v,
        "the change of the spread is missing": w * a**2 * d2,
        "the mean shift is divided by the target's spread": (
            w * ((a - b) ** 2 * v + b**2 * d2)
        ),
        "expectation over the source, not the target": (
            w * ((a - b) ** 2 * var_s + b**2 * d2)
        ),
        "the spread's change is weighed with the source's variance": (
            w * ((a - b) ** 2 * var_s + a**2 * d2)
        ),
        "the unbiased variance of the target": w * ((a - c) ** 2 * big + a**2 * d2),
        "the root of A": np.sqrt(right),
        "ε stands outside the square root": outside(x, mean_s, var_s, gamma, eps),
        "a² − b² in place of (a − b)²": w * ((a**2 - b**2) * v + a**2 * d2),
        "a is not squared": w * ((a - b) ** 2 * v + a * d2),
        "the mean shift is not squared": w * ((a - b) ** 2 * v + a**2 * np.sqrt(d2)),
        "each mean is divided by its own spread": (
            w * ((a - b) ** 2 * v + (a * mean_s - b * m) ** 2)
        ),
    }


@pytest.mark.points(3)
def test_score(student, seed):
    """A from the two outputs of a layer, on skewed data."""
    given = problem(seed)
    compare(
        student.shift_score(*given),
        want=by_outputs(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(10.8)",
    )


def test_no_shift_no_cost(student, seed):
    """With the target's own statistics in the layer, A is 0."""
    x, _, _, gamma, eps = problem(seed)
    got = student.shift_score(x, x.mean(0), x.var(0), gamma, eps)
    compare(got, want=np.zeros(3), tol=TOL, equation="(10.8)", scale=1)


def test_pure_shift_of_the_mean(student, seed):
    """Moved by d with the same spread: A = γ² d²/(v + ε)."""
    x, d, _, gamma, eps = problem(seed)
    compare(
        student.shift_score(x, x.mean(0) - d, x.var(0), gamma, eps),
        want=gamma**2 * d**2 / (x.var(0) + eps),
        mistakes={
            "γ is not squared": gamma * d**2 / (x.var(0) + eps),
            "ε is missing": gamma**2 * d**2 / x.var(0),
            "the shift of the mean is missing": np.zeros(3),
        },
        tol=TOL,
        equation="(10.8)",
    )
