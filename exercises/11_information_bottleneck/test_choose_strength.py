"""Grader of choose_strength. Bounds: means of a few numbers of size 1 err by 1e-16."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 4), (3, 6), (10, 5)]  # folds, strengths


def problem(rng, folds, count):
    """Folds that differ much, a flat region, then a rise; strengths in random order."""
    strengths = np.sort(rng.uniform(0.01, 1.0, count))
    rise = 0.3 * np.maximum(np.arange(count) - count // 2, 0) ** 2
    noise = 0.02 * rng.normal(size=(folds, count))
    noise[:, 0] -= noise[:, 0].mean() + 0.004 * count  # the smallest λ is the best
    losses = 1 + rng.uniform(0, 3, (folds, 1)) + rise + noise
    order = np.roll(np.arange(count)[::-1], rng.integers(count // 2))
    return losses[:, order], strengths[order]


def rule(losses, strengths, center=np.mean, ddof=1, power=0.5, width=1.0):
    n = len(losses)
    at = int(np.mean(losses, axis=0).argmin())
    away = np.array([row - row[at] for row in losses])
    cost = center(away, axis=0)
    spread = np.sqrt(np.sum((away - away.mean(0)) ** 2, axis=0) / (n - ddof))
    error = spread / n**power
    passed = [lam for lam, c, e in zip(strengths, cost, error) if c <= width * e]
    return float(max(passed)), cost, error


def mistakes(losses, strengths):
    lam, cost, error = rule(losses, strengths)
    n, passed = len(losses), cost <= error
    at = cost.argmin()
    own = losses.std(axis=0, ddof=1) / n**0.5
    return {
        "the differences are not paired by fold": (
            float(strengths[cost <= own].max()),
            cost,
            own,
        ),
        "n instead of n − 1": rule(losses, strengths, ddof=0),
        "the error is not divided by √n": rule(losses, strengths, power=0.0),
        "divided by n, not √n": rule(losses, strengths, power=1.0),
        "the variance, not the deviation": (lam, cost, error**2),
        "the λ of the smallest loss": (float(strengths[at]), cost, error),
        "the smallest λ that passes": (float(strengths[passed].min()), cost, error),
        "the last column that passes": (
            float(strengths[np.flatnonzero(passed)[-1]]),
            cost,
            error,
        ),
        "the largest λ of all": (float(strengths.max()), cost, error),
        "the index is returned, not λ": (
            float(np.argmax(strengths == lam)),
            cost,
            error,
        ),
        "the cost is the loss itself": (lam, losses.mean(axis=0), error),
        "the cost has the wrong sign": (lam, -cost, error),
        "the median, not the mean": rule(losses, strengths, center=np.median),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_rule(student, rng, draw):
    """Folds that differ by far more than the strengths do."""
    losses, strengths = problem(rng, *draw)
    want = rule(losses, strengths)
    compare(
        student.choose_strength(losses, strengths),
        want=want,
        mistakes=mistakes(losses, strengths),
        tol=TOL,
        equation="(11.7)",
    )


@pytest.mark.draws(3, 6)
def test_nothing_but_the_best_passes(student, rng, draw):
    """All folds agree that the smallest λ is best: the errors are 0, and it is chosen."""
    strengths = np.sort(rng.uniform(0.01, 1.0, draw))[::-1]
    losses = rng.integers(1, 9, (4, 1)) + strengths.argsort().argsort() * 0.5
    zero = np.zeros(draw)
    cost = losses[0] - losses[0, -1]
    compare(
        student.choose_strength(losses, strengths),
        want=(float(strengths[-1]), cost, zero),
        mistakes={
            "the largest λ of all": (float(strengths[0]), cost, zero),
            "the first column that passes": (float(strengths[0]), cost, zero),
            "the cost has the wrong sign": (float(strengths[-1]), -cost, zero),
        },
        tol=TOL,
        equation="(11.7)",
    )
