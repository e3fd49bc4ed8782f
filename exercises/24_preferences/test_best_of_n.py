"""Grader of best_of_n. The reference enumerates all K^n draws: 1e-14."""

import itertools
import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 3, "ties"), (6, 2, "ties"), (4, 4, "distinct"), (7, 3, "zero")]


def problem(rng, K, n, kind):
    p = rng.dirichlet(np.full(K, 4.0))
    scores = rng.permutation(K).astype(float)
    if kind != "distinct":
        scores = rng.permutation(np.concatenate([[1, 1, 1, 2, 2], np.arange(3.0, K - 2)]))
    if kind == "zero":  # the highest score is of an answer that is never drawn
        p[np.argmax(scores)] = 0.0
        p = p / p.sum()
    return p, scores, n


def enumerated(p, scores, n):
    q = np.zeros(len(p))
    for draw in itertools.product(np.flatnonzero(p), repeat=n):
        draw = list(draw)
        best = [i for i in draw if scores[i] == scores[draw].max()]
        for i in best:
            q[i] += math.prod(p[draw]) / len(best)
    return q


def kl(q, p):
    return sum(a * math.log(a / b) for a, b in zip(q, p) if a > 0)


def below(p, scores, strict):
    known = (scores < s if strict else scores <= s for s in scores)
    return np.array([p[rows].sum() for rows in known])


def mistakes(p, scores, n):
    F, G = below(p, scores, False), below(p, scores, True)
    order = np.argsort(scores, kind="stable")
    cut = np.cumsum(p[order])
    ranked = np.empty(len(p))
    ranked[order] = cut**n - np.concatenate([[0], cut[:-1]]) ** n
    size = np.array([max(1, np.sum((scores == s) & (p > 0))) for s in scores])
    level = F**n - G**n
    hit = 1 - (1 - p) ** n
    some = p > 0
    top = np.zeros(len(p))
    top[scores == scores[some].max()] = 1.0
    return {
        "equal scores are ranked by their index": ranked,
        "equal scores share evenly, not by p": np.where(some, level / size, 0.0),
        "P(best ≤ s), not P(best = s)": F**n * np.isin(scores, scores[some]),
        "the probability of the whole score for each of its answers": level * some,
        "n p F^(n−1): the density of a continuous score": n * p * F ** (n - 1),
        "P(drawn at least once), normalised": hit / hit.sum(),
        "the worst of n": enumerated(p, -scores, n),
        "p itself: the choice changes nothing": p.copy(),
        "the best score alone, whatever n": top * p / (top * p).sum(),
        "n − 1 draws": enumerated(p, scores, n - 1) if n > 2 else p.copy(),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_law(student, rng, draw):
    """q."""
    given = problem(rng, *draw)
    compare(
        student.best_of_n(*given)[0],
        want=enumerated(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(24.4)",
    )


@pytest.mark.draws(*SIZES)
def test_kl(student, rng, draw):
    """KL(q | p)."""
    p, scores, n = given = problem(rng, *draw)
    q = enumerated(*given)
    want = kl(q, p)
    compare(
        student.best_of_n(*given)[1],
        want=want,
        mistakes={
            "log n − (n − 1)/n: the value for continuous scores": math.log(n) - (n - 1) / n,
            "log n": math.log(n),
            "KL(p | q), the other direction": kl(p[p > 0], q[p > 0]),
            "in bits, not nats": want / math.log(2),
            "the negative": -want,
            "−log P(best score), the cap": -math.log(
                p[scores == scores[p > 0].max()].sum()
            ),
            "the entropy of q": -sum(a * math.log(a) for a in q if a > 0),
            "equal scores are ranked by their index": kl(
                mistakes(*given)["equal scores are ranked by their index"], p
            ),
        },
        tol=TOL,
        equation="(24.4)",
    )


@pytest.mark.draws((5, 1, "ties"), (4, 1, "distinct"))
def test_one_sample(student, rng, draw):
    """n = 1: nothing is chosen."""
    p, scores, n = problem(rng, *draw)
    compare(
        student.best_of_n(p, scores, n),
        want=(p, 0.0),
        mistakes={},
        tol=TOL,
        scale=1.0,
        equation="(24.4)",
    )
