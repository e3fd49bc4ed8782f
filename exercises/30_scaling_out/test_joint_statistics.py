"""Grader of joint_statistics. Sums of some rows of order 1: 1e-15, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
ROWS = [(5, 2, 9), (1, 4), (3, 3, 3), (1, 1, 6, 2)]


def problem(rng, *counts):
    """Rows of each rank with means of their own, and what is known of them."""
    C = 3
    rows = [rng.normal(size=(n, C)) + rng.normal(0, 2, C) for n in counts]
    momentum = float(rng.choice([0.1, 0.3, 0.6]))
    return rows, rng.uniform(0.5, 2.0, C), momentum


def given(rows, running, momentum):
    means = np.array([x.mean(0) for x in rows])
    variances = np.array([x.var(0) for x in rows])
    return np.array([len(x) for x in rows]), means, variances, running, momentum


def right(rows, running, momentum):
    """From all rows together."""
    every = np.concatenate(rows)
    moved = (1 - momentum) * running + momentum * every.var(0, ddof=1)
    return every.mean(0), every.var(0), moved


def mistakes(rows, running, momentum):
    n, means, variances, *_ = given(rows, running, momentum)
    mean, var, moved = want = right(rows, running, momentum)
    total, p = n.sum(), len(n)

    def moving(v, factor=total / (total - 1)):
        return (1 - momentum) * running + momentum * factor * v

    def of(m, v):
        return m, v, moving(v)

    within = n @ variances / total
    plain = means.mean(0)
    found = {
        "the mean of the means: every rank counts the same": of(
            plain, n @ (variances + (means - plain) ** 2) / total
        ),
        "the ranks' means do not count as variance": of(mean, within),
        "the mean of the variances": of(mean, variances.mean(0)),
        "only the variance between the ranks": of(mean, var - within),
        "every rank counts the same in the variance": of(
            mean, (variances + (means - mean) ** 2).mean(0)
        ),
        "the running variance is biased": (mean, var, moving(var, 1.0)),
        "number of ranks in n/(n − 1)": (mean, var, moving(var, p / (p - 1))),
        "var is unbiased": (mean, var * total / (total - 1), moved),
        "momentum and 1 − momentum are exchanged": (
            mean,
            var,
            momentum * running + (1 - momentum) * var * total / (total - 1),
        ),
        "the first rank alone": of(means[0], variances[0]),
        "standard deviation, not variance": (mean, np.sqrt(var), moved),
        "mean and variance are summed, not averaged": of(
            n @ means, n @ (variances + (means - mean) ** 2)
        ),
    }
    return {
        name: value
        for name, value in found.items()
        if max(np.abs(np.subtract(a, b)).max() for a, b in zip(value, want)) > 1e-6
    }


@pytest.mark.points(4)
@pytest.mark.draws(*ROWS)
def test_statistics(student, rng, draw):
    """Unequal ranks, equal ones, and ranks with a single row."""
    rows, running, momentum = problem(rng, *draw)
    compare(
        student.joint_statistics(*given(rows, running, momentum)),
        want=right(rows, running, momentum),
        mistakes=mistakes(rows, running, momentum),
        tol=TOL,
        equation="(30.4)",
    )
