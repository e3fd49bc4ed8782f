"""Grader of hard_prompt. Sums of a few products of order 1 round to 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [
    (4, 3, 9, 5),
    (3, 5, 7, 2),
    (5, 2, 11, 4),
    (2, 4, 6, 3),
]  # B, T, V, C: all differ


def swaps(g, ids, E, allowed, sign=1.0):
    """(change, t, v) of every swap, one by one."""
    found = []
    for t, word in enumerate(ids):
        for v in range(len(E)):
            if v != word and allowed[v]:
                found.append((sign * float(g[t] @ (E[v] - E[word])), t, v))
    return min(found)


def problem(rng, B, T, V, C):
    """Redrawn until each wrong way takes another swap."""
    for _ in range(4000):
        G, E = rng.normal(size=(B, T, C)), rng.normal(size=(V, C)) + 0.5
        weight = rng.permutation(np.linspace(0, 3, B))
        ids, allowed = rng.integers(0, V, T), rng.random(V) < 0.6
        if allowed.sum() < 3:
            continue
        given = G, weight, ids, E, allowed
        best, wrong = right(*given), others(*given)
        apart = [abs(best[0] - one[0]) > 1e-3 for one in wrong.values()]
        places = [best[1:] != one[1:] for one in wrong.values()]
        if all(apart) and all(places):
            return given
    raise AssertionError("no such problem in 4000 draws")


def right(G, weight, ids, E, allowed):
    return swaps(np.einsum("b,btc->tc", weight, G) / weight.sum(), ids, E, allowed)


def others(G, weight, ids, E, allowed):
    """Wrong ways that lead to another swap."""
    g, every = np.einsum("b,btc->tc", weight, G) / weight.sum(), np.ones(len(E), bool)
    change, t, v = swaps(g, ids, E, allowed, -1.0)
    return {
        "words that are not allowed come in": swaps(g, ids, E, every),
        "the swap that raises the loss most": (-change, t, v),
        "the weights are left out": swaps(G.mean(0), ids, E, allowed),
        "only the first text counts": swaps(G[0], ids, E, allowed),
    }


def scaled(G, weight, ids, E, allowed):
    """Wrong ways that find the swap, or another, with another number."""
    change, *_ = right(G, weight, ids, E, allowed)
    g, n = np.einsum("b,btc->tc", weight, G) / weight.sum(), len(weight)
    plain = [
        (float(g[i] @ E[j]), i, j)
        for i in range(len(ids))
        for j in np.flatnonzero(allowed)
    ]
    return {
        "a sum over the texts, not a weighted mean": change * weight.sum(),
        "divided by the number of texts": change * weight.sum() / n,
        "the sign of the change": -change,
        "the old word's share is left out": min(plain)[0],
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_place(student, rng, draw):
    """Which position, and which word."""
    given = problem(rng, *draw)
    wrong = others(*given)
    compare(
        np.array(student.best_swap(*given)[:2]),
        want=np.array(right(*given)[1:]),
        mistakes={k: np.array(one[1:]) for k, one in wrong.items()},
        tol=TOL,
        scale=1,
        equation="(18.1)",
    )


@pytest.mark.points(1)
@pytest.mark.draws(*SIZES)
def test_change(student, rng, draw):
    """What the swap promises."""
    given = problem(rng, *draw)
    wrong = {k: one[0] for k, one in others(*given).items()} | scaled(*given)
    want = right(*given)[0]
    compare(
        student.best_swap(*given)[2],
        want=want,
        mistakes={k: v for k, v in wrong.items() if abs(v - want) > 1e-6},
        tol=TOL,
        equation="(18.1)",
    )


@pytest.mark.draws((3, 4, 3), (2, 6, 5))
def test_never_itself(student, rng, draw):
    """The word that is there already changes nothing, but every swap may be worse."""
    T, V, C = draw
    E, ids = rng.normal(size=(V, C)), np.zeros(T, int)
    G = -np.tile(2.0 * E[0], (1, T, 1))  # each other word raises the loss
    E[1:] = -np.abs(rng.normal(size=(V - 1, 1))) * E[0] + 0.01 * E[1:]
    given = G, np.ones(1), ids, E, np.ones(V, bool)
    compare(
        student.best_swap(*given)[2],
        want=right(*given)[0],
        mistakes={"a word is swapped for itself": 0.0},
        tol=TOL,
        equation="(18.1)",
    )


def vectors(rng, T, V, C):
    """Coordinates of very different spread, so that the plain distance errs."""
    for _ in range(2000):
        spread = rng.permutation(np.geomspace(0.2, 5, C))
        E = rng.normal(size=(V, C)) * spread + rng.normal(size=C)
        P = rng.normal(size=(T, C)) * spread
        if all(
            (nearest(P, E)[0] != one[0]).any()
            for one in wrong_neighbours(P, E).values()
        ):
            return P, E
    raise AssertionError("no such vectors in 2000 draws")


def nearest(P, E, scale=None, power=2):
    scale = E.std(0) if scale is None else scale
    ids, distances = [], []
    for p in P:
        every = [sum(abs((p - e) / scale) ** power) ** (1 / power) for e in E]
        ids.append(int(np.argmin(every)))
        distances.append(min(every))
    return np.array(ids), np.array(distances)


def wrong_neighbours(P, E):
    far = [int(np.argmax((((p - E) / E.std(0)) ** 2).sum(1))) for p in P]
    along = [int(np.argmax(E @ p)) for p in P]
    return {
        "the plain distance: scales are left out": nearest(P, E, np.ones(E.shape[1])),
        "multiplied by the spread, not divided": nearest(P, E, 1 / E.std(0)),
        "divided by the variance": nearest(P, E, E.std(0) ** 2),
        "the farthest word": (np.array(far), 0),
        "the largest product, not the nearest": (np.array(along), 0),
    }


NEAR = [(4, 12, 5), (3, 9, 4), (6, 15, 3)]


@pytest.mark.points(2)
@pytest.mark.draws(*NEAR)
def test_words(student, rng, draw):
    """The nearest words."""
    P, E = vectors(rng, *draw)
    compare(
        student.nearest_words(P, E)[0],
        want=nearest(P, E)[0],
        mistakes={k: one[0] for k, one in wrong_neighbours(P, E).items()},
        tol=TOL,
        scale=1,
        equation="(18.3)",
    )


@pytest.mark.points(1)
@pytest.mark.draws(*NEAR)
def test_distances(student, rng, draw):
    """And how far they are."""
    P, E = vectors(rng, *draw)
    want, V = nearest(P, E)[1], len(E)
    known = {k: one[1] for k, one in wrong_neighbours(P, E).items() if np.ndim(one[1])}
    compare(
        student.nearest_words(P, E)[1],
        want=want,
        mistakes=known
        | {
            "the squared distance": want**2,
            "the spread with V − 1": want * np.sqrt((V - 1) / V),
            "a mean over the coordinates": want / np.sqrt(E.shape[1]),
            "the sum of absolute differences": nearest(P, E, power=1)[1],
            "one spread for all coordinates": nearest(
                P, E, np.full(E.shape[1], E.std())
            )[1],
            "the spread of P, not of the words": nearest(P, E, P.std(0))[1],
        },
        tol=TOL,
        equation="(18.3)",
    )
