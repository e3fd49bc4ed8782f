"""Grader of running_statistics. Bounds: a few dozen roundings, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9


def problem(seed):
    rng = np.random.default_rng(seed)
    batches = [rng.normal(1 + k, 1.5, size=(n, 3)) for k, n in enumerate((5, 2, 7, 4))]
    return batches, rng.uniform(0.2, 0.35)


def weighted(values, start, momentum, reverse=False):
    """(10.4): the start weighs (1 − m)^T, batch k of T weighs m (1 − m)^(T − k)."""
    T = len(values)
    ages = range(T) if reverse else range(T - 1, -1, -1)
    kept = sum((1 - momentum) ** age * b for age, b in zip(ages, values))
    return (1 - momentum) ** T * start + momentum * kept


def both(batches, m, start=(0.0, 1.0), ddof=1, reverse=False):
    means = [x.mean(0) for x in batches]
    variances = [((x - x.mean(0)) ** 2).sum(0) / (len(x) - ddof) for x in batches]
    values = zip((means, variances), start)
    return tuple(weighted(b, r, m, reverse) for b, r in values)


@pytest.mark.points(2)
def test_after_four_batches(student, seed):
    """Mean and variance after four batches of unequal size."""
    batches, m = problem(seed)
    got = student.running_statistics(batches, m)
    union = np.concatenate(batches)
    compare(
        got,
        want=both(batches, m),
        mistakes={
            "momentum on the old value": both(batches, 1 - m),
            "the biased variance was stored": both(batches, m, ddof=0),
            "the variance starts at 0": both(batches, m, start=(0, 0)),
            "the mean starts at 1": both(batches, m, start=(1, 1)),
            "the latest batch weighs least": both(batches, m, reverse=True),
            "the first batch replaces the start": first_replaces(batches, m),
            "the moments of all data, not a moving average": (
                union.mean(0),
                union.var(0, ddof=1),
            ),
            "standard deviations, not variances": deviations(batches, m),
            "the old value is not multiplied by 1 − m": not_forgotten(batches, m),
            "divided by 1 − (1 − m)^T, as in Adam": tuple(
                r / (1 - (1 - m) ** len(batches)) for r in both(batches, m)
            ),
            "the plain average of the batches' moments": tuple(
                np.mean(parts, axis=0)
                for parts in zip(*((x.mean(0), x.var(0, ddof=1)) for x in batches))
            ),
            "the variance about the running mean, not the batch's": about(batches, m),
        },
        tol=TOL,
        equation="(10.2)",
    )


def not_forgotten(batches, m):
    means = sum(m * x.mean(0) for x in batches)
    return means, 1 + sum(m * x.var(0, ddof=1) for x in batches)


def about(batches, m):
    means = [both(batches[: k + 1], m)[0] for k in range(len(batches))]
    squares = [np.sum((x - c) ** 2, 0) / (len(x) - 1) for x, c in zip(batches, means)]
    return means[-1], weighted(squares, 1.0, m)


def first_replaces(batches, m):
    mean, var = both(batches[:1], 1.0)
    return both(batches[1:], m, start=(mean, var))


def deviations(batches, m):
    spreads = [x.std(0, ddof=1) for x in batches]
    return both(batches, m)[0], weighted(spreads, 1.0, m)


def test_momentum_one(student, seed):
    """With momentum 1 the last batch is all there is."""
    x = problem(seed)[0]
    compare(
        student.running_statistics(x, 1.0),
        want=(
            x[-1].mean(0),
            np.sum((x[-1] - x[-1].mean(0)) ** 2, 0) / (len(x[-1]) - 1),
        ),
        mistakes={
            "momentum on the old value": (np.zeros(3), np.ones(3)),
            "the biased variance was stored": (x[-1].mean(0), x[-1].var(0)),
        },
        tol=TOL,
        equation="(10.2)",
    )


def test_batches_until(student, seed):
    """The least number of batches, by counting."""
    rng = np.random.default_rng(seed)
    few, exact = (0.1, 0.2), (0.25, 0.5)  # ln δ/ln(1 − m) is 10.3, and 2 exactly
    for delta, m in ((0.1, 0.1), few, exact, (rng.uniform(0.02, 0.2), 0.07)):
        t, weight = 0, 1.0
        while weight > delta:
            t, weight = t + 1, weight * (1 - m)
        got = student.batches_until(delta, m)
        if not isinstance(got, (int, np.integer)):
            fail("not an int", f"batches_until returned {got!r}", equation="(10.5)")
        known = {
            "one batch too few: rounded down, not up": t - 1,
            "one batch too many: <= δ is enough": t + 1,
            "momentum on the old value, in batches_until": int(
                np.ceil(np.log(delta) / np.log(m))
            ),
            "1/m in place of 1/ln(1 − m)": int(np.ceil(-np.log(delta) / m)),
            "ln δ without a logarithm of 1 − m": int(np.ceil(-np.log(delta))),
        }
        compare(
            int(got),
            want=t,
            mistakes={name: value for name, value in known.items() if value != t},
            tol=1e-3,
            equation="(10.5)",
            called=f"batches_until({delta:.3g}, {m})",
        )
