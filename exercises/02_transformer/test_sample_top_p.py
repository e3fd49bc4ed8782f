"""Grader of sample_top_p. Bounds: nine numbers below 1 round to 1e-16."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
DRAWS = (7, 4), (5, 2), (9, 6), (8, 1)  # tokens, and how many are kept
COUNT = 40
U = (np.arange(COUNT) + 0.5) / COUNT


def problem(rng, V, count):
    """Logits whose likeliest tokens are mixed over the ids, and p between two sums."""
    ranks = np.arange(V)
    while not mixed(ranks, count):
        ranks = rng.permutation(V)
    logits = -0.55 * (ranks + 0.3 * rng.random(V)) + 3.0
    temperature = rng.uniform(1.4, 1.6)
    ordered = np.sort(softmax(logits / temperature))[::-1]
    p = ordered[:count].sum() - 0.5 * ordered[count - 1]  # the last token crosses it
    return logits, float(p), float(temperature)


def mixed(ranks, count):
    """In the set: the last id, not the first, and not in order of rank."""
    inside = ranks[ranks < count]
    ordered = count > 1 and inside[0] == 0
    return ranks[0] >= count > ranks[-1] and not ordered


def softmax(x):
    return np.exp(x - np.logaddexp.reduce(x))


def smallest_set(q, p):
    """By trying all 2^V sets: fewest tokens with q >= p, of those the likeliest."""
    for size in range(1, len(q) + 1):
        sets = [list(s) for s in itertools.combinations(range(len(q)), size)]
        best = max(sets, key=lambda s: q[s].sum())
        if q[best].sum() >= p or size == len(q):
            return best
    raise AssertionError("unreachable")


def quick_set(q, p):
    """The same for the mistakes: along the sorted order."""
    order = np.argsort(-q)
    return order[: 1 + np.sum(np.cumsum(q[order])[:-1] < p)]


def cut(q, kept):
    out = np.zeros(len(q))
    out[kept] = q[kept] / q[kept].sum() if len(kept) else 0.0
    return out


def draw_from(q, u, order=None):
    """The first token, in `order`, at which the sum so far exceeds u."""
    total = 0.0
    for i in range(len(q)) if order is None else order:
        total += q[i]
        if total > u:
            return i
    return len(q) - 1


def mistakes(logits, p, temperature):
    q, plain = softmax(logits / temperature), softmax(logits)
    kept, order = quick_set(q, p), np.argsort(-q)
    hot, up = softmax(logits * temperature), np.argsort(q)
    few = up[: np.searchsorted(np.cumsum(q[up]), p) + 1]
    masked = np.where(cut(q, kept) > 0, q, 0.0)
    again = np.where(masked > 0, np.exp(q), 0.0)
    return {
        "the token that crosses p is left out": cut(q, order[: len(kept) - 1]),
        "one token too many is kept": cut(q, order[: len(kept) + 1]),
        "multiplied by the temperature": cut(hot, quick_set(hot, p)),
        "the temperature is ignored": cut(plain, quick_set(plain, p)),
        "the set is chosen before the temperature": cut(q, quick_set(plain, p)),
        "the probabilities are divided by the temperature, not the logits": cut(
            plain, quick_set(plain / temperature, p)
        ),
        "not scaled to sum to 1 again": masked,
        "scaled by p, not by what the set holds": masked / p,
        "softmax again over the probabilities of the set": again / again.sum(),
        "the least likely tokens are kept": cut(q, few),
        "places in the sorted order are used as ids": cut(q, np.arange(len(kept))),
        "nothing is cut": q,
        "tokens below the probability p are cut": cut(q, np.flatnonzero(q >= p)),
        "the tokens are taken in the order of ids, not by probability": cut(
            q, np.arange(1 + np.sum(np.cumsum(q)[:-1] < p))
        ),
        "the set's probabilities are left in sorted order": cut(q, kept)[order],
        "every token of the set is equally likely": (masked > 0) / len(kept),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_distribution(student, rng, draw):
    """The distribution that is sampled from."""
    logits, p, temperature = given = problem(rng, *draw)
    q = softmax(logits / temperature)
    want = cut(q, smallest_set(q, p))
    compare(
        student.sample_top_p(*given, 0.4)[1],
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(2.20)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS[:3])
def test_draws(student, rng, draw):
    """The token for forty values of u, by sums over the ids."""
    logits, p, temperature = given = problem(rng, *draw)
    q = softmax(logits / temperature)
    right, order = cut(q, smallest_set(q, p)), np.argsort(-q)
    place, kept = np.argsort(order), np.flatnonzero(right)

    def tokens(choose):
        return np.array([choose(float(u)) for u in U], float)

    def asked(u):
        return take(student.sample_top_p(*given, u), token=(), q=(len(q),))[0]

    want = tokens(lambda u: draw_from(right, u))
    known = {
        "drawn along the sorted order, not along the ids": tokens(
            lambda u: draw_from(right, u, order)
        ),
        "drawn from the uncut distribution": tokens(lambda u: draw_from(q, u)),
        "the likeliest token each time: u is ignored": tokens(lambda u: order[0]),
        "the place in the sorted order is returned, not the id": tokens(
            lambda u: place[draw_from(right, u, order)]
        ),
        "the place among the kept tokens is returned, not the id": tokens(
            lambda u: np.searchsorted(kept, draw_from(right, u))
        ),
        "one id too early": want - 1,
        "one id too late": want + 1,
        "1 − u instead of u": tokens(lambda u: draw_from(right, 1 - u)),
        "drawn with u·p: the distribution was scaled already": tokens(
            lambda u: draw_from(right, u * p)
        ),
    }
    compare(
        tokens(asked),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(...)[0] for u = 1/80, 3/80, .. 79/80",
    )


@pytest.mark.draws(*DRAWS)
def test_u_0(student, rng, draw):
    """u = 0 draws the first token of the set, not one of probability 0 before it."""
    logits, p, temperature = given = problem(rng, *draw)  # id 0 is outside the set
    got = student.sample_top_p(*given, 0.0)
    token, q = take(got, token=(), q=logits.shape)
    if q[0] == 0 and token == 0:
        said = "the sum must be larger than u, not equal to it"
        fail("u = 0 draws a token outside the set", said, equation="(2.20)")
    want = smallest_set(softmax(logits / temperature), p)
    compare(token, want=min(want), tol=TOL, equation="(2.20)")


@pytest.mark.draws(*DRAWS[:3])
def test_ends(student, rng, draw):
    """A tiny p keeps one token, p = 1 keeps all; large logits do not overflow."""
    logits, _, temperature = problem(rng, *draw)
    q = softmax(logits / temperature)
    best = cut(q, [int(np.argmax(q))])
    with np.errstate(all="ignore"):
        one = student.sample_top_p(logits, 0.01, temperature, 0.5)[1]
        large = student.sample_top_p(400.0 * logits + 9000.0, 1.0, temperature, 0.5)[1]
    one, large = take((one, large), small=q.shape, large=q.shape)
    if not np.allclose(np.sum(one), 1.0) and not np.any(one > 0):
        said = "with p below the largest probability no token is left"
        fail("the token that crosses p is left out", said, equation="(2.20)")
    compare(
        one,
        want=best,
        mistakes=mistakes(logits, 0.01, temperature),
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(logits, 0.01, ...)",
    )
    if not np.any(large > 0) or not np.isfinite(large).all():
        said = "softmax(x) = softmax(x − max x)"
        fail("exp overflows: the largest logit was not subtracted", said, "(2.20)")
    compare(
        large,
        want=softmax(400.0 * logits / temperature),
        tol=TOL,
        equation="(2.20)",
        called="sample_top_p(400 logits + 9000, 1.0, ...)",
    )
