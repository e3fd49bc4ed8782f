"""Grader of join_gradients. Sums of a few numbers of order 1: 1e-15, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
COUNTS = [(7, 2, 28), (1, 5, 2, 9), (4, 0, 3), (0, 6, 0, 1, 2)]


def problem(rng, *counts, tight=False):
    """Ranks with `counts` targets; max_norm above the joint norm, or below it."""
    n, N = np.array(counts), 6
    G, losses = rng.normal(size=(len(n), N)), rng.uniform(0.5, 3.0, len(n))
    G[n == 0], losses[n == 0] = np.nan, np.nan
    norm = np.linalg.norm(joint(G, n))
    return G, losses, n, float(norm * (0.4 if tight else 3.0))


def joint(G, n):
    """By a loop over single targets, each rank's as often as it has some."""
    rows = [g for g, count in zip(G, n) for _ in range(count)]
    return np.array([np.mean(column) for column in zip(*rows)])


def right(G, losses, n, max_norm):
    g = joint(G, n)
    norm = np.linalg.norm(g)
    return cut(g, max_norm), norm, joint(losses[:, None], n)[0]


def cut(g, max_norm):
    return g * min(1.0, max_norm / np.linalg.norm(g))


def mistakes(G, losses, n, max_norm):
    g, norm, loss = right(G, losses, n, max_norm)
    has = n > 0
    H, k, few = G[has], n[has], losses[has]
    sums, total = k @ H, k.sum()
    first = np.argmax(has)
    found = {
        "mean of means: every rank counts the same": with_norm(
            H.mean(0), few.mean(), max_norm
        ),
        "the means are summed": with_norm(H.sum(0), few.sum(), max_norm),
        "not divided by the count": with_norm(sums, k @ few, max_norm),
        "divided by the number of ranks": with_norm(
            sums / len(n), k @ few / len(n), max_norm
        ),
        "divided by the first rank's count": with_norm(
            sums / k[0], k @ few / k[0], max_norm
        ),
        "divided twice": with_norm(sums / total**2, k @ few / total**2, max_norm),
        "the first rank alone": with_norm(G[first], losses[first], max_norm),
        "clipped on every rank, before the sum": (
            k @ np.array([cut(row, max_norm) for row in H]) / total,
            norm,
            loss,
        ),
        "clipped after the division by the ranks": (g / len(n), norm, loss),
        "the norm after clipping": (g, np.linalg.norm(g), loss),
        "not clipped": (joint(G, n), norm, loss),
        "always scaled to max_norm": (joint(G, n) * max_norm / norm, norm, loss),
        "the loss is the mean of the ranks' losses": (g, norm, few.mean()),
    }
    return keep(found, (g, norm, loss))


def with_norm(g, loss, max_norm):
    return cut(g, max_norm), np.linalg.norm(g), loss


def keep(found, want):
    """Those that differ from the right answer on this draw."""

    def apart(value):
        return max(np.max(np.abs(np.subtract(a, b))) for a, b in zip(value, want))

    return {name: value for name, value in found.items() if apart(value) > 1e-6}


@pytest.mark.points(2)
@pytest.mark.draws(*COUNTS)
def test_joined(student, rng, draw):
    """Unequal ranks, one without targets among them; nothing to clip."""
    given = problem(rng, *draw)
    compare(
        student.join_gradients(*given),
        want=right(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(30.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*COUNTS)
def test_clipped(student, rng, draw):
    """The joint gradient is longer than max_norm."""
    given = problem(rng, *draw, tight=True)
    compare(
        student.join_gradients(*given),
        want=right(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(30.1)",
    )
