"""Grader of prefix_attention. Sums of a few terms of order 1 round to 1e-15."""

import warnings

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
H, G, T, L, D, E = 6, 2, 4, 3, 5, 7


def problem(seed, heads=H, length=L):
    rng = np.random.default_rng(seed)
    q, k, P_k = (
        1.5 * rng.normal(size=s) for s in ((heads, T, D), (G, T, D), (G, length, D))
    )
    v, P_v = rng.normal(size=(G, T, E)) + 1.0, rng.normal(size=(G, length, E)) - 1.0
    return q, k, v, P_k, P_v


def loop(
    q, k, v, P_k, P_v, group=None, scale=D**-0.5, front=D**-0.5, seen=None, swap=False
):
    """One query after another: the sums of e^score · value and of e^score.

    group(h): its key head; scale, front: of the text's and the prefix's scores;
    seen(i, j): may query i look at column j of [prefix; text].
    """
    share, length = len(q) // len(k), P_k.shape[1]
    group = group or (lambda h: h // share)
    seen = seen or (lambda i, j: j <= length + i)
    out = np.zeros((*q.shape[:2], v.shape[2]))
    for h, i in np.ndindex(q.shape[:2]):
        c, total = group(h), 0.0
        rows = [(front, *row) for row in zip(P_k[c], P_v[c])]
        text = [(scale, *row) for row in zip(k[c], v[c])]
        for j, (s, key, value) in enumerate(text + rows if swap else rows + text):
            if seen(i, j):
                weight = np.exp(s * (q[h, i] @ key))
                out[h, i], total = out[h, i] + weight * value, total + weight
        out[h, i] /= total
    return out


def at_once(q, k, v, P_k, P_v):
    """Mistakes in the softmax itself, all queries at once."""
    share, length = len(q) // len(k), P_k.shape[1]
    keys, values, behind = (
        np.repeat(np.concatenate(pair, axis=1), share, axis=0)
        for pair in ((P_k, k), (P_v, v), (v, P_v))
    )
    sees = np.tri(T, length + T, length)
    e = np.exp(q @ keys.swapaxes(1, 2) / D**0.5)
    flat = np.where(sees, e, 1.0)  # a score of 0 in place of −∞
    e_seen = e * sees
    own = e_seen / e_seen.sum(-1, keepdims=True)
    return {
        "the mask came after the softmax: weights do not sum to 1": (
            e_seen / e.sum(-1, keepdims=True) @ values
        ),
        "masked scores are 0, not −∞: a weight of e⁰": (
            flat / flat.sum(-1, keepdims=True) @ values
        ),
        "the softmax runs over the queries, not the keys": (
            e_seen / e_seen.sum(1, keepdims=True) @ values
        ),
        "keys and values stand in different orders": own @ behind,
    }


def mistakes(q, k, v, P_k, P_v):
    given, groups = (q, k, v, P_k, P_v), len(k)
    end = P_k.shape[1] + T
    length = P_k.shape[1]

    def with_(**changes):
        return loop(*given, **changes)

    return {
        "1/√d is missing": with_(scale=1.0, front=1.0),
        "1/d in place of 1/√d": with_(scale=1 / D, front=1 / D),
        "no causal mask": with_(seen=lambda i, j: j < end),
        "the prefix is masked like the text: query i sees columns 0..i": (
            with_(seen=lambda i, j: j <= i)
        ),
        "a query does not see its own key": with_(seen=lambda i, j: j < length + i),
        "each query sees one key of the future": (
            with_(seen=lambda i, j: j <= length + i + 1)
        ),
        "the prefix stands behind the text": with_(swap=True),
        "key heads are tiled: query head h uses h % G": (
            with_(group=lambda h: h % groups)
        ),
        "the prefix is left out": loop(q, k, v, P_k[:, :0], P_v[:, :0]),
        **at_once(*given),
        "P_k and P_v keep to themselves: two softmaxes added": (
            loop(q, k, v, P_k[:, :0], P_v[:, :0]) + with_(seen=lambda i, j: j < length)
        ),
    }


@pytest.mark.points(3)
def test_grouped_and_causal(student, seed):
    """Six query heads on two key heads, causal over the text."""
    given = problem(seed)
    got = student.prefix_attention(*given)
    compare(
        got, want=loop(*given), mistakes=mistakes(*given), tol=TOL, equation="(18.1)"
    )


def test_as_many_key_heads(student, seed):
    """Without grouping: a key head for each query head."""
    given = problem(seed, heads=G)
    wrong = mistakes(*given)
    del wrong["key heads are tiled: query head h uses h % G"]  # the same here
    compare(
        student.prefix_attention(*given),
        want=loop(*given),
        mistakes=wrong,
        tol=TOL,
        equation="(18.1)",
    )


def test_large_scores(student, seed):
    """Scores around ±2000, different for each query: finite, without a warning."""
    q, k, v, P_k, P_v = problem(seed)
    q, k, P_k = np.abs(q), np.abs(k), np.abs(P_k)
    size = np.where(np.arange(T) % 2, 4000.0, -4000.0)[None, :, None]
    q = (
        q
        * size
        / np.max(q @ k.repeat(H // G, 0).transpose(0, 2, 1), (1, 2), keepdims=True)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = student.prefix_attention(q, k, v, P_k, P_v)
    if caught or not np.isfinite(np.asarray(got, float)).all():
        fail(
            "e^score overflows",
            "subtract each row's own largest score before exp",
            equation="(18.1)",
        )
    want = np.zeros((H, T, E))
    for h, i in np.ndindex(H, T):
        c = h // (H // G)
        keys, values = np.r_[P_k[c], k[c, : i + 1]], np.r_[P_v[c], v[c, : i + 1]]
        scores = keys @ q[h, i] / D**0.5
        want[h, i] = np.exp(scores - np.logaddexp.reduce(scores)) @ values
    compare(got, want=want, tol=TOL, equation="(18.1)")


def test_a_hidden_key_with_the_largest_score(student, seed):
    """The last key scores 4000 above all others: only the last query may see it."""
    q, k, v, P_k, P_v = problem(seed)
    q, k, P_k = np.abs(q), np.abs(k), np.abs(P_k)
    k[:, -1] *= 4000.0 / (q @ k[:, -1:].repeat(H // G, 0).transpose(0, 2, 1)).min()
    got = student.prefix_attention(q, k, v, P_k, P_v)[:, :-1]
    last = v[:, -1:].repeat(H // G, 0).repeat(T - 1, 1)  # all weight on the hidden key
    compare(
        got,
        want=loop(q[:, :-1], k[:, :-1], v[:, :-1], P_k, P_v),
        mistakes={"the mask takes a finite number off, not −∞": last},
        tol=TOL,
        equation="(18.1)",
    )


def test_first_query(student, seed):
    """The first query sees the prefix and its own key: change the rest, nothing moves."""
    q, k, v, P_k, P_v = problem(seed)
    other_k, other_v = k + 0.0, v + 0.0
    other_k[:, 1:] += 1.0
    other_v[:, 1:] -= 2.0
    every = mistakes(q, other_k, other_v, P_k, P_v)
    compare(
        student.prefix_attention(q, other_k, other_v, P_k, P_v)[:, 0],
        want=loop(q, k, v, P_k, P_v)[:, 0],
        mistakes={
            name: every[name][:, 0]
            for name in ("no causal mask", "each query sees one key of the future")
        },
        tol=TOL,
        equation="(18.1)",
    )
