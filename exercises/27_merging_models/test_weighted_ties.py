"""Grader of weighted_ties: entry by entry, in Python numbers. Bounds: rounding, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SHAPES = ((3, 4), (5,), (2, 2, 3))
DRAWS = [(3, 0.3), (2, 0.5), (5, 0.2), (4, 0.62)]  # tasks, density


def problem(rng, tasks, density, shapes=SHAPES):
    """Tensors of unequal scale, tasks of unequal length, weights from 0.5 to 3."""
    scales = np.linspace(0.6, 1.5, tasks)
    sizes = np.linspace(0.5, 1.6, len(shapes))
    vectors = [[s * c * rng.normal(size=n) for c, n in zip(sizes, shapes)] for s in scales]
    return vectors, rng.permutation(np.linspace(0.5, 3, tasks)), density


def flat(tensors):
    return np.concatenate([t.ravel() for t in tensors])


def keep(x, density):
    """x with all but its largest entries set to 0."""
    kept = int(density * len(x) + 1e-9)
    order = sorted(range(len(x)), key=lambda i: -abs(x[i]))[:kept]
    return np.array([v if i in order else 0.0 for i, v in enumerate(x)])


def elect(columns, weights):
    return [1 if sum(w * v for w, v in zip(weights, c)) >= 0 else -1 for c in columns]


def average(columns, signs, weights, divide="weights"):
    out = []
    for c, s in zip(columns, signs):
        some = [(w, v) for w, v in zip(weights, c) if v and (s is None or v * s > 0)]
        if divide == "some":
            below = len(some)
        else:
            below = sum(w for w, _ in some) if divide == "weights" else divide
        out.append(sum(w * v for w, v in some) / below if some else 0.0)
    return np.array(out)


def merged(trimmed, weights, election=None, divide="weights"):
    columns = list(zip(*trimmed))
    signs = elect(columns, weights if election is None else election)
    return average(columns, signs, weights, divide)


def mistakes(vectors, weights, density):
    T, ones = len(vectors), np.ones(len(weights))
    whole = [flat(v) for v in vectors]
    kept = [keep(x, density) for x in whole]
    columns = list(zip(*kept))
    each = [flat([keep(t.ravel(), density) for t in v]) for v in vectors]
    every = np.split(keep(np.concatenate(whole), density), T)
    scaled = [w * x for w, x in zip(weights, whole)]
    votes = elect([np.sign(c) for c in columns], weights)
    early = elect(list(zip(*whole)), weights)
    total = sum(w * k for w, k in zip(weights, kept))
    biased = np.round(np.array(average(columns, elect(columns, weights), ones, "some")), 12)
    return {
        "the weights are left out": merged(kept, ones),
        "the sign is elected without the weights": merged(kept, weights, election=ones),
        "elected without the weights, divided by the count: PEFT's": merged(
            kept, weights, election=ones, divide="some"
        ),
        "divided by the count, not by the weights of those that agree": merged(
            kept, weights, divide="some"
        ),
        "the weights elect, but the mean is plain": biased,
        "divided by the number of tasks": merged(kept, weights, divide=T),
        "divided by all weights": merged(kept, weights, divide=float(np.sum(weights))),
        "a sum, not a mean": merged(kept, weights, divide=1.0),
        "each tensor is trimmed on its own": merged(each, weights),
        "all tasks are trimmed together": merged(every, weights),
        "nothing is trimmed": merged(whole, weights),
        "density is the share that is trimmed": merged(
            [keep(x, 1 - density) for x in whole], weights
        ),
        "the weights multiply before the trim of all tasks together": merged(
            np.split(keep(np.concatenate(scaled), density), T), ones
        ),
        "every task has one vote, whatever its size": average(
            columns, elect([np.sign(c) for c in columns], ones), weights
        ),
        "votes count by weight, not by size": average(columns, votes, weights),
        "the sign is elected before trimming": average(columns, early, weights),
        "no election: the mean of what is kept": plain_mean(columns, weights),
        "no election: zeros count too": total / np.sum(weights),
        "the smallest entries are kept": merged(
            [x - keep(x, 1 - density) for x in whole], weights
        ),
        "the largest by value, not by size": merged(
            [by_value(x, density) for x in whole], weights
        ),
    }


def plain_mean(columns, weights):
    return average(columns, [None] * len(columns), weights)


def by_value(x, density):
    kept = int(density * len(x) + 1e-9)
    order = sorted(range(len(x)), key=lambda i: -x[i])[:kept]
    return np.array([v if i in order else 0.0 for i, v in enumerate(x)])


def parts(x, vectors):
    ends = np.cumsum([t.size for t in vectors[0]])[:-1]
    return tuple(p.reshape(t.shape) for p, t in zip(np.split(x, ends), vectors[0]))


def check(student, vectors, weights, density):
    kept = [keep(flat(v), density) for v in vectors]
    wrong = mistakes(vectors, weights, density)
    compare(
        tuple(student.weighted_ties(vectors, weights, density)),
        want=parts(merged(kept, weights), vectors),
        mistakes={name: parts(x, vectors) for name, x in wrong.items()},
        tol=TOL,
        equation="(27.7)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*DRAWS)
def test_merged(student, rng, draw):
    """Trim, elect, merge."""
    check(student, *problem(rng, *draw))


@pytest.mark.draws((3, 1.0), (4, 1.0))
def test_nothing_is_trimmed(student, rng, draw):
    """density 1 keeps all."""
    check(student, *problem(rng, *draw))


@pytest.mark.draws((2, 0.57), (3, 0.29))
def test_the_number_kept(student, rng, draw):
    """100 entries and a density whose product is rounded below a whole number."""
    check(student, *problem(rng, *draw, shapes=((10, 4), (60,))))


@pytest.mark.draws(2, 4)
def test_a_tie_is_positive(student, rng, draw):
    """Where the weighted sum is 0 the positive entry is taken."""
    value = rng.uniform(1, 2)
    vectors = [[np.array([value, 0.3 * k])] for k in range(1, draw + 1)]
    vectors[1][0][0] = -value
    for v in vectors[2:]:
        v[0][0] = 0.0
    weights = np.array([1.5, 1.5, *np.linspace(1, 2, draw - 2)])
    check(student, vectors, weights, 1.0)
