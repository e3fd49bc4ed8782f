"""Grader of sample_top_p. Bounds: seven numbers below 1 round to 1e-16."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
V = 7
DRAWS = (np.arange(40) + 0.5) / 40


def problem(seed):
    """Logits whose likeliest tokens are mixed over the ids, and p between two sums."""
    rng = np.random.default_rng(seed)
    ranks = np.arange(V)
    while not mixed(ranks):
        ranks = rng.permutation(V)
    logits = -0.55 * (ranks + 0.3 * rng.random(V)) + 3.0
    temperature = rng.uniform(1.4, 1.6)
    ordered = np.sort(softmax(logits / temperature))[::-1]
    p = ordered[:4].sum() - 0.5 * ordered[3]  # the fourth token crosses it
    return logits, p, temperature


def mixed(ranks):
    """Of the four in the set: the last id, not the first, and not in order of rank."""
    inside = ranks[ranks < 4]
    return ranks[0] >= 4 > ranks[-1] and inside[0] != 0 and (ranks[:4] >= 4).any()


def softmax(x):
    return np.exp(x - np.logaddexp.reduce(x))


def smallest_set(q, p):
    """By trying all 2^V sets: fewest tokens with q >= p, of those the likeliest."""
    for size in range(1, V + 1):
        sets = [list(s) for s in itertools.combinations(range(V), size)]
        best = max(sets, key=lambda s: q[s].sum())
        if q[best].sum() >= p or size == V:
            return best
    raise AssertionError("unreachable")


def cut(q, kept):
    out = np.zeros(V)
    out[kept] = q[kept] / q[kept].sum()
    return out


def draw(q, u, order=range(V)):
    """The first token, in `order`, at which the sum so far exceeds u."""
    total = 0.0
    for i in order:
        total += q[i]
        if total > u:
            return i
    return V - 1


def mistakes(logits, p, temperature):
    q, plain = softmax(logits / temperature), softmax(logits)
    kept, order = smallest_set(q, p), np.argsort(-q)
    ranks = np.arange(len(kept))  # which places in `order`, mistaken for ids
    hot, up = softmax(logits * temperature), np.argsort(q)
    few = up[: np.searchsorted(np.cumsum(q[up]), p) + 1]
    return {
        "the token that crosses p is left out": cut(q, order[: len(kept) - 1]),
        "one token too many is kept": cut(q, order[: len(kept) + 1]),
        "multiplied by the temperature": cut(hot, smallest_set(hot, p)),
        "the temperature is ignored": cut(plain, smallest_set(plain, p)),
        "the set is chosen before the temperature": cut(q, smallest_set(plain, p)),
        "not scaled to sum to 1 again": np.where(cut(q, kept) > 0, q, 0.0),
        "the least likely tokens are kept": cut(q, few),
        "places in the sorted order are used as ids": cut(q, ranks),
        "nothing is cut": q,
        "the set's probabilities are left in sorted order": cut(q, kept)[order],
        "every token of the set is equally likely": (cut(q, kept) > 0) / len(kept),
    }


@pytest.mark.points(3)
def test_distribution(student, seed):
    """The distribution that is sampled from."""
    logits, p, temperature = problem(seed)
    q = softmax(logits / temperature)
    got = student.sample_top_p(logits, p, temperature, 0.4)
    compare(
        got[1],
        want=cut(q, smallest_set(q, p)),
        mistakes=mistakes(logits, p, temperature),
        tol=TOL,
        equation="(2.20)",
    )


@pytest.mark.points(2)
def test_draws(student, seed):
    """The token for forty values of u, by sums over the ids."""
    logits, p, temperature = problem(seed)
    q = softmax(logits / temperature)
    right, order = cut(q, smallest_set(q, p)), np.argsort(-q)
    got = [student.sample_top_p(logits, p, temperature, u)[0] for u in DRAWS]
    compare(
        np.array(got),
        want=np.array([draw(right, u) for u in DRAWS]),
        mistakes={
            "drawn along the sorted order, not along the ids": np.array(
                [draw(right, u, order) for u in DRAWS]
            ),
            "drawn from the uncut distribution": np.array([draw(q, u) for u in DRAWS]),
            "the likeliest token each time: u is ignored": np.full(40, order[0]),
            "the place in the sorted order is returned, not the id": np.array(
                [int(np.argsort(order)[draw(right, u, order)]) for u in DRAWS]
            ),
            "one id too early": np.array([draw(right, u) - 1 for u in DRAWS]),
        },
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(...)[0] for u = 1/80, 3/80, .. 79/80",
    )


def test_u_0(student, seed):
    """u = 0 draws the first token of the set, not one of probability 0 before it."""
    logits, p, temperature = problem(seed)  # id 0 is outside the set
    token, q = student.sample_top_p(logits, p, temperature, 0.0)
    if q[0] == 0 and token == 0:
        fail(
            "u = 0 draws a token outside the set",
            "the sum must be larger than u, not equal to it",
            equation="(2.20)",
        )
    want = smallest_set(softmax(logits / temperature), p)
    compare(token, want=min(want), tol=TOL, equation="(2.20)")


def test_ends(student, seed):
    """A tiny p keeps one token, p = 1 keeps all; large logits do not overflow."""
    logits, _, temperature = problem(seed)
    q = softmax(logits / temperature)
    best = cut(q, [int(np.argmax(q))])
    with np.errstate(all="ignore"):
        one = student.sample_top_p(logits, 0.01, temperature, 0.5)[1]
        large = student.sample_top_p(400.0 * logits + 9000.0, 1.0, temperature, 0.5)[1]
    if not np.allclose(np.sum(one), 1.0):
        fail(
            "the token that crosses p is left out",
            "with p below the largest probability no token is left",
            equation="(2.20)",
        )
    compare(
        one,
        want=best,
        mistakes={"nothing is cut": q},
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(logits, 0.01, ...)",
    )
    if not np.allclose(np.sum(large), 1.0):
        fail(
            "exp overflows: the largest logit was not subtracted",
            "softmax(x) = softmax(x − max x)",
            equation="(2.20)",
        )
    compare(
        large,
        want=softmax(400.0 * logits / temperature),
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(400 logits + 9000, 1.0, ...)",
    )
