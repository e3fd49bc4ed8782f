"""Grader of pooled: the data themselves are concatenated. Bounds: rounding, 1e-14."""

import warnings

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
SIZES = [((9, 3, 5, 14), 2), ((4, 11), 3), ((6, 2, 8), 5), ((7, 3, 4, 5, 12), 1)]
SINGLE = [((9, 1, 5), 2), ((1, 4), 3), ((1, 1, 1, 1), 5)]  # with batches of one row


def problem(rng, sizes, C, drift=1.5):
    return [rng.normal(drift * k, 1 + k, size=(n, C)) for k, n in enumerate(sizes)]


def moments(parts):
    """counts, means and unbiased variances, NaN for a single row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, on the variance of one row
        variances = np.array([p.var(0, ddof=1) for p in parts])
    means = np.array([p.mean(0) for p in parts])
    return np.array([len(p) for p in parts]), means, variances


def mistakes(parts):
    union, (n, b, v) = np.concatenate(parts), moments(parts)
    mean, var, N, K = union.mean(0), union.var(0, ddof=1), len(union), len(parts)
    w, less, flat = n[:, None] / N, n[:, None] - 1, b.mean(0)
    v = np.where(less > 0, v, 0.0)
    between = np.sum(n[:, None] * (b - mean) ** 2, 0) / (N - 1)
    within = var - between
    return {
        "the mean of the batch means, unweighted": (flat, var),
        "both averages are unweighted, no between part": (flat, v.mean(0)),
        "the between part is missing": (mean, within),
        "the within part is missing": (mean, between),
        "the variances are averaged unweighted": (mean, v.mean(0) + between),
        "the between part is unweighted": (mean, within + ((b - mean) ** 2).mean(0)),
        "the between part is a sum, not a mean": (
            mean,
            within + ((b - mean) ** 2).sum(0),
        ),
        "(10.7) as it stands: the variances are taken for biased ones": (
            mean,
            (w * v).sum(0) + between * (N - 1) / N,
        ),
        "the given variances are taken for biased ones": (
            mean,
            (n[:, None] * v).sum(0) / (N - 1) + between,
        ),
        "the variance of all is biased": (mean, var * (N - 1) / N),
        "the variance of all is divided by N − K": (
            mean,
            var * (N - 1) / max(N - K, 1),
        ),
        "the within part is divided by N − K": (
            mean,
            (less * v).sum(0) / max(N - K, 1) + between,
        ),
        "n_k − 1 in the between part too": (
            mean,
            within + np.sum(less * (b - mean) ** 2, 0) / (N - 1),
        ),
        "the between part is about the unweighted mean": (
            mean,
            within + np.sum(n[:, None] * (b - flat) ** 2, 0) / (N - 1),
        ),
        "standard deviations were averaged": (
            mean,
            (less * np.sqrt(v)).sum(0) ** 2 / (N - 1) / max(N - K, 1) + between,
        ),
        "the mean square, μ² not subtracted": (
            mean,
            within + np.sum(n[:, None] * b**2, 0) / (N - 1),
        ),
        "the between part is not squared": (
            mean,
            within + np.sum(n[:, None] * np.abs(b - mean), 0) / (N - 1),
        ),
        "the unweighted variance of the batch means": (mean, within + b.var(0)),
        "the unweighted, unbiased variance of the batch means": (
            mean,
            within + (b.var(0, ddof=1) if K > 1 else 0),
        ),
        "batches of one row are left out": without_single(parts),
        "the mean and the variance are returned in the wrong order": (var, mean),
    }


def without_single(parts):
    kept = np.concatenate([p for p in parts if len(p) > 1] or parts)
    return kept.mean(0), kept.var(0, ddof=1)


def check(student, parts):
    every = np.concatenate(parts)
    want = every.mean(0), every.var(0, ddof=1)
    got = student.pooled(*moments(parts))
    if min(map(len, parts)) == 1 and not np.all(np.isfinite(np.asarray(got[1], float))):
        fail(
            "a batch of one row makes the variance NaN",
            "0 · NaN is NaN: such a batch has no part within",
            equation="(10.7)",
        )
    compare(
        got,
        want=want,
        mistakes=mistakes(parts),
        tol=TOL,
        equation="(10.7)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_union(student, rng, draw):
    """Mean and variance of the concatenated data."""
    check(student, problem(rng, *draw))


@pytest.mark.draws(*SINGLE)
def test_single_rows(student, rng, draw):
    """Batches of one row, whose variance is NaN."""
    check(student, problem(rng, *draw))


@pytest.mark.draws(((6,), 3), ((2,), 4))
def test_one_batch(student, rng, draw):
    """A single batch is its own pool."""
    check(student, problem(rng, *draw))


@pytest.mark.draws(*SIZES)
def test_order_does_not_matter(student, rng, draw):
    """Pooling pools of pools gives the same."""
    parts = problem(rng, *draw)
    halves = [student.pooled(*moments(half)) for half in (parts[:1], parts[1:])]
    counts = np.array([len(parts[0]), sum(map(len, parts[1:]))])
    union = np.concatenate(parts)
    compare(
        student.pooled(counts, *(np.array(a) for a in zip(*halves))),
        want=(union.mean(0), union.var(0, ddof=1)),
        tol=TOL,
        equation="(10.7)",
        called="pooled on two pools",
    )
