"""Grader of pooled: the data themselves are concatenated. Bounds: rounding, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9


def problem(seed, sizes=(9, 3, 5, 14), drift=1.5):
    rng = np.random.default_rng(seed)
    return [rng.normal(drift * k, 1 + k, size=(n, 3)) for k, n in enumerate(sizes)]


def moments(parts):
    counts = np.array([len(p) for p in parts])
    return (
        counts,
        np.array([p.mean(0) for p in parts]),
        np.array([p.var(0) for p in parts]),
    )


def mistakes(parts):
    union, (n, b, v) = np.concatenate(parts), moments(parts)
    mean, var, N, K = union.mean(0), union.var(0), len(union), len(parts)
    w = n[:, None] / N
    within = (w * v).sum(0)
    return {
        "the mean of the batch means, unweighted": (b.mean(0), var),
        "both averages are unweighted, no between part": (b.mean(0), v.mean(0)),
        "the between part is missing": (mean, within),
        "the within part is missing": (mean, var - within),
        "the variances are averaged unweighted": (mean, v.mean(0) + var - within),
        "the between part is unweighted": (mean, within + ((b - mean) ** 2).mean(0)),
        "the between part is a sum, not a mean": (
            mean,
            within + ((b - mean) ** 2).sum(0),
        ),
        "the variance of all is unbiased": (mean, var * N / (N - 1)),
        "the between part is about the unweighted mean": (
            mean,
            within + (w * (b - b.mean(0)) ** 2).sum(0),
        ),
        "standard deviations were averaged": (
            mean,
            (w * np.sqrt(v)).sum(0) ** 2 + var - within,
        ),
        "the mean square, μ² not subtracted": (mean, var + mean**2),
        "the within part is weighed by n − 1": (
            mean,
            ((n[:, None] - 1) * v).sum(0) / (N - K) + var - within,
        ),
        "the between part is not squared": (
            mean,
            within + (w * np.abs(b - mean)).sum(0),
        ),
        "the unweighted variance of the batch means": (mean, within + b.var(0)),
        "the unweighted, unbiased variance of the batch means": (
            mean,
            within + b.var(0) * K / (K - 1),
        ),
    }


@pytest.mark.points(3)
def test_union(student, seed):
    """Mean and variance of the concatenated data."""
    parts = problem(seed)
    union, given = np.concatenate(parts), moments(parts)
    got = student.pooled(*given)
    compare(
        got,
        want=(union.mean(0), union.var(0)),
        mistakes=mistakes(parts),
        tol=TOL,
        equation="(10.7)",
    )


def test_one_batch(student, seed):
    """A single batch is its own pool."""
    x = problem(seed, sizes=(6,))
    _, b, v = moments(x)
    compare(
        student.pooled(*moments(x)),
        want=(b[0], v[0]),
        mistakes={
            "the variance of all is unbiased": (b[0], v[0] * 6 / 5),
            "the within part is missing": (b[0], 0 * v[0]),
        },
        tol=TOL,
        equation="(10.7)",
    )


def test_order_does_not_matter(student, seed):
    """Pooling pools of pools gives the same."""
    parts = problem(seed)
    halves = [student.pooled(*moments(half)) for half in (parts[:1], parts[1:])]
    counts = np.array([len(parts[0]), sum(map(len, parts[1:]))])
    union = np.concatenate(parts)
    compare(
        student.pooled(counts, *(np.array(a) for a in zip(*halves))),
        want=(union.mean(0), union.var(0)),
        tol=TOL,
        equation="(10.7)",
        called="pooled on two pools",
    )
