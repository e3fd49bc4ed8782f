"""Grader of choose. The front is found point by point, the scores in logarithms."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
EQUATION = "(19.4)"
SIZES = [(7, 3), (9, 5), (6, 2), (11, 8)]  # methods, how many of them lose or exceed


def problem(rng, k, out):
    """Gains, parameters, FLOPs and a budget: one method loses, one uses it exactly."""
    gain = np.round(rng.uniform(2, 9, k), 2)
    parameters, flops = np.exp(rng.uniform(2, 9, k)), np.exp(rng.uniform(3, 5, k))
    most_parameters, most_flops = np.sort(parameters)[-3], np.sort(flops)[-2]
    order = rng.permutation(k)
    gain[order[0]], gain[order[-1]] = 0.6, 0.7  # small gains and losses count too
    gain[order[: max(1, out // 2)]] *= -1
    parameters[order[-1]], flops[order[-1]] = most_parameters, most_flops
    gain[order[-1]] = abs(gain[order[-1]])
    return gain, parameters, flops, float(most_parameters), float(most_flops)


def reference(gain, parameters, flops, most_p, most_c):
    found = []
    for g, p, c in zip(gain, parameters, flops):
        if p > most_p or c > most_c or g <= 0:
            found.append(0.0)
            continue
        logarithm = math.log(p) - math.log(most_p) + math.log(c) - math.log(most_c)
        found.append(g * math.exp(-logarithm / 2))
    return np.array(found)


def mistakes(gain, parameters, flops, most_p, most_c):
    p, c = parameters / most_p, flops / most_c
    within, gains = (p <= 1) & (c <= 1), gain > 0
    M, allowed = gain / np.sqrt(p * c), within & gains

    def kept(values, by=allowed):
        return np.where(by, values, 0.0)

    return {
        "the root is missing": kept(gain / (p * c)),
        "√(p + c) instead of √(p c)": kept(gain / np.sqrt(p + c)),
        "the compute is left out": kept(gain / np.sqrt(p)),
        "the parameters are left out": kept(gain / np.sqrt(c)),
        "p and c are no shares of the budget": kept(gain / np.sqrt(parameters * flops)),
        "shares of the largest method, not of the budget": kept(
            gain / np.sqrt(parameters / parameters.max() * flops / flops.max())
        ),
        "methods beyond the budget stay in": kept(M, gains),
        "only the parameters have a budget": kept(M, (p <= 1) & gains),
        "only the compute has a budget": kept(M, (c <= 1) & gains),
        "methods that lose stay in": kept(M, within),
        "the budget itself counts as beyond it": kept(M, (p < 1) & (c < 1) & gains),
        "the best is scaled to 1": kept(M) / kept(M).max(),
        "the square of the gain": kept(gain * M),
        "extra compute instead of the total": kept(
            gain / np.sqrt(p * np.maximum(c - c.min() / 2, 1e-9))
        ),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_scores(student, rng, draw):
    """M of what gains and keeps to the budget."""
    given = problem(rng, *draw)
    want = reference(*given)
    compare(
        student.scores(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation=EQUATION,
    )


def on_front(gain, cost, **how):
    """One point against one other at a time."""
    found = []
    for i in range(len(gain)):
        beaten = False
        for j in range(len(gain)):
            here, there = (-gain[i], *cost[i]), (-gain[j], *cost[j])
            as_good = all(a <= b for a, b in zip(there, here))
            beaten |= i != j and as_good and (there != here or how.get("ties", False))
        found.append(not beaten)
    return np.array(found)


def wrong_fronts(gain, cost):
    k = len(gain)
    others = [[j for j in range(k) if j != i] for i in range(k)]

    def strictly(i, j):
        return gain[j] > gain[i] and (cost[j] < cost[i]).all()

    def beaten_by_any(i, j):
        return gain[j] >= gain[i] or (cost[j] <= cost[i]).all()

    seen, first = set(), []
    for point, on in zip(np.column_stack([gain, cost]), on_front(gain, cost)):
        first.append(bool(on) and tuple(point) not in seen)
        seen.add(tuple(point))
    return {
        "equal points push each other out": on_front(gain, cost, ties=True),
        "of equal points only the first is on it": np.array(first),
        "better in everything is asked": np.array(
            [not any(strictly(i, j) for j in others[i]) for i in range(k)]
        ),
        "better in one thing is enough": np.array(
            [not any(beaten_by_any(i, j) for j in others[i]) for i in range(k)]
        ),
        "a lower gain is better": on_front(-gain, cost),
        "a higher cost is better": on_front(gain, -cost),
        "the gain is left out": on_front(0 * gain, cost),
        "only the first cost counts": on_front(gain, cost[:, :1]),
        "only the last cost counts": on_front(gain, cost[:, -1:]),
        "what is beaten, not the front": ~on_front(gain, cost),
        "only the largest gain": gain == gain.max(),
    }


def points(rng, k, m):
    """Small whole numbers, so that ties occur; some rows stand there twice."""
    gain = rng.integers(1, 6, k).astype(float)
    cost = rng.integers(1, 6, (k, m)).astype(float)
    return gain, cost


@pytest.mark.points(2)
@pytest.mark.draws((9, 2), (7, 1), (14, 3), (12, 2))
def test_front(student, rng, draw):
    """Ties in single values and whole rows that are equal."""
    k, m = draw
    gain, cost = points(rng, k, m)
    on = np.flatnonzero(on_front(gain, cost))
    twin, off = on[0], np.flatnonzero(~on_front(gain, cost))
    spare = off[-1] if len(off) else k - 1
    gain[spare], cost[spare] = gain[twin], cost[twin]  # one of the front stands twice
    want = on_front(gain, cost)
    known = wrong_fronts(gain, cost)
    compare(
        np.asarray(student.front(gain, cost), dtype=float),
        want=want.astype(float),
        mistakes={k: v.astype(float) for k, v in known.items() if (v != want).any()},
        tol=TOL,
        equation="the front",
        called="front",
    )
