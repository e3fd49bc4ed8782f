"""Grader of running_statistics. Bounds: a few dozen roundings, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
SHAPES = [  # (N, H, W) of each batch, C: widths, counts and the number of batches differ
    (((5, 2, 3), (2, 4, 1), (7, 1, 1), (1, 3, 5)), 3),
    (((3, 1, 2), (4, 5, 1)), 6),
    (((2, 3, 4), (6, 1, 2), (1, 5, 3), (3, 2, 2), (5, 1, 1)), 2),
    (((4, 3, 2),), 5),
]


def problem(rng, shapes, C):
    batches = [
        rng.normal(1 + k, 1.5 + 0.4 * k, size=(n, C, h, w))
        * rng.uniform(0.5, 2, (C, 1, 1))
        for k, (n, h, w) in enumerate(shapes)
    ]
    return batches, float(rng.uniform(0.2, 0.35))


def columns(x):
    """One row per entry of a channel, (N·H·W, C)."""
    return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


def weighted(values, start, momentum, reverse=False):
    """(10.3): the start weighs (1 − m)^T, batch k of T weighs m (1 − m)^(T − k)."""
    T = len(values)
    ages = range(T) if reverse else range(T - 1, -1, -1)
    kept = sum((1 - momentum) ** age * b for age, b in zip(ages, values))
    return (1 - momentum) ** T * start + momentum * kept


def both(rows, m, start=(0.0, 1.0), ddof=1, reverse=False):
    means = [x.mean(0) for x in rows]
    variances = [((x - x.mean(0)) ** 2).sum(0) / (len(x) - ddof) for x in rows]
    values = zip((means, variances), start)
    return tuple(weighted(b, r, m, reverse) for b, r in values)


def average(rows, ddof=1):
    """The plain average of the batches' moments."""
    return np.mean([x.mean(0) for x in rows], 0), np.mean(
        [x.var(0, ddof=ddof) for x in rows], 0
    )


def union(rows, ddof=1):
    every = np.concatenate(rows)
    return every.mean(0), every.var(0, ddof=ddof)


def not_forgotten(rows, m):
    means = sum(m * x.mean(0) for x in rows)
    return means, 1 + sum(m * x.var(0, ddof=1) for x in rows)


def about(rows, m):
    means = [both(rows[: k + 1], m)[0] for k in range(len(rows))]
    squares = [np.sum((x - c) ** 2, 0) / (len(x) - 1) for x, c in zip(rows, means)]
    return means[-1], weighted(squares, 1.0, m)


def first_replaces(rows, m):
    mean, var = both(rows[:1], 1.0)
    return both(rows[1:], m, start=(mean, var)) if rows[1:] else (mean, var)


def deviations(rows, m):
    spreads = [x.std(0, ddof=1) for x in rows]
    return both(rows, m)[0], weighted(spreads, 1.0, m)


def per_image(batches, m):
    """Variances inside each image, averaged: their means' spread is lost."""
    parts = [
        [np.ma.masked_invalid(i.var(axis=(1, 2), ddof=0)) for i in x] for x in batches
    ]
    mean = both(list(map(columns, batches)), m)[0]
    return mean, weighted([np.mean(p, axis=0) for p in parts], 1.0, m)


def mistakes(batches, m):
    rows = list(map(columns, batches))
    mean, var = want = both(rows, m)
    T = len(rows)
    over_images = [x.mean((2, 3)) for x in batches]
    return {
        "momentum on the old value": both(rows, 1 - m),
        "the biased variance was stored": both(rows, m, ddof=0),
        "the variance starts at 0": both(rows, m, start=(0, 0)),
        "the mean starts at 1": both(rows, m, start=(1, 1)),
        "the latest batch weighs least": both(rows, m, reverse=True),
        "the first batch replaces the start": first_replaces(rows, m),
        "the moments of all data, not a moving average": union(rows),
        "standard deviations, not variances": deviations(rows, m),
        "the old value is not multiplied by 1 − m": not_forgotten(rows, m),
        "the new value is not multiplied by m": (
            weighted([x.mean(0) / m for x in rows], 0.0, m),
            weighted([x.var(0, ddof=1) / m for x in rows], 1.0, m),
        ),
        "divided by 1 − (1 − m)^T, as in Adam": tuple(
            r / (1 - (1 - m) ** T) for r in want
        ),
        "the plain average of the batches' moments": average(rows),
        "the variance about the running mean, not the batch's": about(rows, m),
        "the variance of the images' means, not of all entries": (
            mean,
            weighted(
                [x.var(0, ddof=1 if len(x) > 1 else 0) for x in over_images], 1.0, m
            ),
        ),
        "only the last batch counts": both(rows[-1:], m),
        "the variance and the mean are returned in the wrong order": (var, mean),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SHAPES)
def test_after_some_batches(student, rng, draw):
    """Mean and variance after batches of unequal size."""
    batches, m = problem(rng, *draw)
    want = both(list(map(columns, batches)), m)
    compare(
        student.running_statistics(batches, m),
        want=want,
        mistakes=mistakes(batches, m),
        tol=TOL,
        equation="(10.2)",
    )


@pytest.mark.draws(*SHAPES)
def test_momentum_none(student, rng, draw):
    """Without a momentum every batch weighs the same, whatever its size."""
    batches, _ = problem(rng, *draw)
    rows = list(map(columns, batches))
    want, T = average(rows), len(rows)
    (mean, var), sizes = want, np.array([len(x) for x in rows])
    by_size = sum(
        n / sizes.sum() * np.array([x.mean(0), x.var(0, ddof=1)])
        for n, x in zip(sizes, rows)
    )
    known = {
        "the batches are counted from 0: the start weighs as much as a batch": (
            mean * T / (T + 1),
            (var * T + 1) / (T + 1),
        ),
        "the moments of all data, not the average of the batches'": union(rows),
        "the batches are weighed by their sizes": tuple(by_size),
        "the biased variance was stored": average(rows, ddof=0),
        "the start is in the variance": (mean, var + 1 / T),
        "a sum, not an average": (mean * T, var * T),
        "only the last batch counts": average(rows[-1:]),
        "only the first batch counts": average(rows[:1]),
    }
    compare(
        student.running_statistics(batches, None),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(10.2)",
    )


@pytest.mark.draws(*SHAPES)
def test_momentum_one(student, rng, draw):
    """With momentum 1 the last batch is all there is."""
    batches = problem(rng, *draw)[0]
    x = columns(batches[-1])
    compare(
        student.running_statistics(batches, 1.0),
        want=(x.mean(0), np.sum((x - x.mean(0)) ** 2, 0) / (len(x) - 1)),
        mistakes={
            "momentum on the old value": (0 * x[0], 0 * x[0] + 1),
            "the biased variance was stored": (x.mean(0), x.var(0)),
        },
        tol=TOL,
        equation="(10.2)",
    )


@pytest.mark.draws((0.1, 0.1), (0.1, 0.2), (0.25, 0.5), (0.01, 0.03), (0.9, 0.3), None)
def test_batches_until(student, rng, draw):
    """The least number of batches, by counting."""
    delta, m = draw or (float(rng.uniform(0.02, 0.2)), 0.07)
    t, weight = 0, 1.0
    while weight > delta:
        t, weight = t + 1, weight * (1 - m)
    got = student.batches_until(delta, m)
    if not isinstance(got, (int, np.integer)):
        fail("not an int", f"batches_until returned {got!r}", equation="(10.5)")
    known = {
        "one batch too few: rounded down, not up": t - 1,
        "one batch too many: <= δ is enough": t + 1,
        "rounded to the nearest number, not up": round(np.log(delta) / np.log(1 - m)),
        "momentum on the old value, in batches_until": int(
            np.ceil(np.log(delta) / np.log(m))
        ),
        "1/m instead of 1/ln(1 − m)": int(np.ceil(-np.log(delta) / m)),
        "ln δ without a logarithm of 1 − m": int(np.ceil(-np.log(delta))),
        "the weight of the start is not reached: 1 − (1 − m)^t <= δ": int(
            np.ceil(np.log(1 - delta) / np.log(1 - m))
        ),
    }
    compare(
        int(got),
        want=t,
        mistakes={name: value for name, value in known.items() if value != t},
        tol=1e-6,
        equation="(10.5)",
        called=f"batches_until({delta:.3g}, {m})",
    )
