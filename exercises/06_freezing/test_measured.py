"""Grader of measured. Reference: averages over pairs of runs, which need no correction.

For runs j ≠ k the mean of (f_j − t)(f_k − t) is bias², and of ½(f_j − f_k)² the variance.
Bounds: rounding.
"""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
SIZES = [(2, 5), (5, 3), (4, 9), (7, 1)]  # K, points


def problem(rng, K, points):
    truth = rng.normal(size=points)
    spread = rng.uniform(0.5, 1.5, size=points)
    return truth + 0.6 + spread * rng.normal(size=(K, points)), truth


def reference(outputs, truth):
    pairs = [(j, k) for j in range(len(outputs)) for k in range(j)]
    E = outputs - truth
    bias2 = np.mean([E[j] * E[k] for j, k in pairs])
    return bias2, np.mean([(E[j] - E[k]) ** 2 / 2 for j, k in pairs])


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_bias(student, rng, draw):
    """bias², with the correction."""
    outputs, truth = problem(rng, *draw)
    K, (want, variance) = len(outputs), reference(outputs, truth)
    middle = outputs.mean(0)
    known = {
        "the correction is left out": want + variance / K,
        "the correction is added": want + 2 * variance / K,
        "the variance is not divided by K": want + variance / K - variance,
        "divided by K − 1 instead of K": want + variance / K - variance / (K - 1),
        "the biased variance in the correction": (
            want + variance / K - outputs.var(0).mean() / K
        ),
        "averaged over points before squaring": np.mean(middle - truth) ** 2,
        "the mean squared error, variance and all": np.mean((outputs - truth) ** 2),
        "bias below 0 is cut off, or its absolute value": abs(want),
        "the truth is left out": np.mean(middle**2) - variance / K,
        "the sum over points, not the mean": want * len(truth),
        "bias² and variance are swapped": variance,
    }
    got = take(student.measured(outputs, truth), "(6.4)", bias2=(), variance=())[0]
    compare(got, want=want, mistakes=known, tol=TOL, equation="(6.4)")


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_variance(student, rng, draw):
    """variance, by K − 1."""
    outputs, truth = problem(rng, *draw)
    K, (bias2, want) = len(outputs), reference(outputs, truth)
    known = {
        "divided by K, not by K − 1": want * (K - 1) / K,
        "the variance over points, not over runs": np.mean(outputs.var(1, ddof=1))
        if outputs.shape[1] > 1 else 0.0,
        "the variance of all numbers together": outputs.var(ddof=1),
        "the standard deviation": np.mean(outputs.std(0, ddof=1)),
        "the variance of the mean: divided by K once more": want / K,
        "around the truth, not around the mean": (
            np.sum((outputs - truth) ** 2) / (K - 1) / len(truth)
        ),
        "the sum over points, not the mean": want * len(truth),
        "bias² and variance are swapped": bias2,
    }  # fmt: skip
    got = take(student.measured(outputs, truth), "(6.4)", bias2=(), variance=())[1]
    compare(got, want=want, mistakes=known, tol=TOL, equation="(6.4)")


@pytest.mark.draws((4.0, 1.0), (0.5, 0.3), (2.2, 0.09), (0.01, 5.0), (1e-12, 1.0))
def test_runs_needed(student, rng, draw):
    """The number of runs for a wanted precision."""
    variance, half = draw
    need = lambda K: 2 * (variance / K) ** 0.5 <= half * (1 + 1e-12)  # noqa: E731
    want = next(K for K in range(1, 10**5) if need(K))
    known = {
        "one standard error instead of two": int(np.ceil(variance / half**2)),
        "the number is cut off, not rounded up": int(4 * variance / half**2),
        "half is not squared": int(np.ceil(4 * variance / half)),
        "2·variance instead of 4·variance": int(np.ceil(2 * variance / half**2)),
        "the standard deviation instead of the variance": int(
            np.ceil(4 * variance**0.5 / half**2)
        ),
    }
    compare(
        student.runs_needed(variance, half),
        want=want,
        mistakes={k: max(v, 0) for k, v in known.items() if v != want},
        tol=1e-6,
        equation="(6.4)",
    )
