"""Grader of forgetting_table. Means of a few numbers: 1e-16, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(2,), (3,), (5,), (4,)]  # tasks


def problem(rng, T):
    R = rng.uniform(0.2, 0.9, (T, T))
    R[np.triu_indices(T, 1)] = np.nan
    n = 3 + rng.permutation(3 * T)[:T]
    return R, [rng.integers(0, 9, k) for k in n]


def values(R, n):
    """(f, peak, forgetting, final, after), by loops."""
    T, end = len(R), R[-1]
    f = np.array([R[j, j] - end[j] for j in range(T - 1)])
    peak = np.array(
        [max(R[i, j] for i in range(j, T - 1)) - end[j] for j in range(T - 1)]
    )
    old, every = sum(n[:-1]), sum(n)
    forgetting = sum(k * v for k, v in zip(n, f)) / old
    final = sum(k * v for k, v in zip(n, end)) / every
    after = sum(k * R[j, j] for j, k in enumerate(n)) / every
    return f, peak, forgetting, final, after


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_old_tasks(student, rng, draw):
    """f and peak: a number per old task."""
    R, classes = problem(rng, *draw)
    n = [len(c) for c in classes]
    f, peak, *_ = values(R, n)
    T, diagonal = len(R), np.diagonal(R)
    whole = np.where(np.isnan(R), -1.0, R)
    known = {
        "the sign: a drop is negative": (-f, -peak),
        "the last task is counted as old": (
            diagonal - R[-1],
            np.append(peak, 0.0),
        ),
        "a share of what was learned, not a difference": (
            f / diagonal[:-1],
            peak / (peak + R[-1, :-1]),
        ),
        "the first row after learning, not R[j, j]": (
            np.array([R[j + 1, j] for j in range(T - 1)]) - R[-1, :-1],
            peak,
        ),
        "peak and f are exchanged": (peak, f),
        "peak is R[j, j] once more": (f, f),
        "peak may be at the end too": (f, whole.max(axis=0)[:-1] - R[-1, :-1]),
        "rows and columns are exchanged": (
            diagonal[:-1] - np.nan_to_num(R[:-1, -1]),
            peak,
        ),
    }
    compare(
        student.forgetting_table(R, classes)[:2],
        want=(f, peak),
        mistakes=known,
        tol=TOL,
        equation="(26.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_means(student, rng, draw):
    """The three means, over images."""
    R, classes = problem(rng, *draw)
    n = np.array([len(c) for c in classes])
    f, peak, forgetting, final, after = values(R, n)
    diagonal = np.diagonal(R)
    kinds = np.array([len(np.unique(c)) for c in classes])
    compare(
        student.forgetting_table(R, classes)[2:],
        want=(forgetting, final, after),
        mistakes={
            "the sign: a drop is negative": (-forgetting, final, after),
            "the tasks count alike, not their images": (
                f.mean(),
                R[-1].mean(),
                diagonal.mean(),
            ),
            "the last task is counted as old": (
                (n[:-1] @ f) / n.sum(),
                final,
                after,
            ),
            "the mean of peak, not of f": (
                n[:-1] @ peak / n[:-1].sum(),
                final,
                after,
            ),
            "the last task is missing in final and after": (
                forgetting,
                n[:-1] @ R[-1, :-1] / n[:-1].sum(),
                n[:-1] @ diagonal[:-1] / n[:-1].sum(),
            ),
            "final and after are exchanged": (forgetting, after, final),
            "a share of what was learned, not a difference": (
                n[:-1] @ (f / diagonal[:-1]) / n[:-1].sum(),
                final,
                after,
            ),
            "sums, not means": (n[:-1] @ f, n @ R[-1], n @ diagonal),
            "weighted by the number of classes, not of images": (
                kinds[:-1] @ f / kinds[:-1].sum(),
                kinds @ R[-1] / kinds.sum(),
                kinds @ diagonal / kinds.sum(),
            ),
        },
        tol=TOL,
        equation="(26.2)",
    )
