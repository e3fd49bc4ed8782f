"""Grader of prefix_attention. Sums of a few terms of order 1 round to 1e-15."""

import warnings

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
SIZES = [  # H, G, T, l, d, e: no two sizes of a draw are equal
    (6, 2, 4, 3, 5, 7),
    (8, 4, 3, 5, 2, 6),
    (9, 3, 5, 1, 4, 2),
    (4, 1, 6, 7, 3, 5),
]
UNGROUPED = [(2, 2, 4, 3, 5, 7), (1, 1, 3, 4, 2, 6), (5, 5, 2, 1, 3, 4)]
SHORT = [(4, 2, 1, 3, 5, 6), (3, 1, 4, 0, 2, 5), (2, 1, 1, 0, 4, 3)]  # T = 1, l = 0


def problem(rng, H, G, T, length, d, e):
    q, k, P_k = (
        1.5 * rng.normal(size=s) for s in ((H, T, d), (G, T, d), (G, length, d))
    )
    v, P_v = rng.normal(size=(G, T, e)) + 1.0, rng.normal(size=(G, length, e)) - 1.0
    return q, k, v, P_k, P_v


def loop(q, k, v, P_k, P_v, group=None, scale=None, front=None, seen=None, swap=False):
    """One query after another: the sums of e^score · value and of e^score.

    group(h): its key head; scale, front: of the text's and the prefix's scores;
    seen(i, j): may query i look at column j of [prefix; text].
    """
    share, length, root = len(q) // len(k), P_k.shape[1], q.shape[2] ** -0.5
    scale, front = scale or root, front or root
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
    share, length, T = len(q) // len(k), P_k.shape[1], q.shape[1]
    keys, values, behind = (
        np.repeat(np.concatenate(pair, axis=1), share, axis=0)
        for pair in ((P_k, k), (P_v, v), (v, P_v))
    )
    sees = np.tri(T, length + T, length)
    s = q @ keys.swapaxes(1, 2) / q.shape[2] ** 0.5
    e = np.exp(s)
    flat, e_seen = np.where(sees, e, 1.0), e * sees  # a score of 0; of −∞
    own = e_seen / e_seen.sum(-1, keepdims=True)
    first = softmax(np.where(sees, q @ keys.swapaxes(1, 2), -np.inf))
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
        "the weights are not divided by their sum": e_seen @ values,
        "1/√d acts on the weights, not on the scores": first
        @ values
        / q.shape[2] ** 0.5,
    }


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mistakes(q, k, v, P_k, P_v):
    given, groups, length = (q, k, v, P_k, P_v), len(k), P_k.shape[1]
    end, d = length + q.shape[1], q.shape[2]

    def with_(**changes):
        return loop(*given, **changes)

    return {
        "1/√d is missing": with_(scale=1.0, front=1.0),
        "1/d instead of 1/√d": with_(scale=1 / d, front=1 / d),
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
        "1/√d is missing for the prefix": with_(front=1.0),
        "every query head uses key head 0": with_(group=lambda h: 0),
        "the prefix is left out": loop(q, k, v, P_k[:, :0], P_v[:, :0]),
        **at_once(*given),
        "two softmaxes, of prefix and text, are added": (
            loop(q, k, v, P_k[:, :0], P_v[:, :0]) + with_(seen=lambda i, j: j < length)
        ),
    }


def check(student, rng, sizes):
    given = problem(rng, *sizes)
    want = loop(*given)
    with np.errstate(all="ignore"):
        known = mistakes(*given)
    got = student.prefix_attention(*given)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(18.4)")


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_grouped_and_causal(student, rng, draw):
    """Several query heads on each key head, causal over the text."""
    check(student, rng, draw)


@pytest.mark.draws(*UNGROUPED)
def test_as_many_key_heads(student, rng, draw):
    """Without grouping: a key head for each query head, or one head in all."""
    check(student, rng, draw)


@pytest.mark.draws(*SHORT)
def test_short(student, rng, draw):
    """A text of one token, and a prefix without rows."""
    given = problem(rng, *draw)
    want = loop(*given)
    text = loop(*given[:3], given[3][:, :0], given[4][:, :0])
    compare(
        student.prefix_attention(*given),
        want=want,
        mistakes={"the prefix is left out": text},
        tol=TOL,
        equation="(18.4)",
    )


def one_by_one(q, k, v, P_k, P_v):
    """o of large scores: every query's own softmax."""
    want = np.zeros((*q.shape[:2], v.shape[2]))
    for h, i in np.ndindex(q.shape[:2]):
        c = h // (len(q) // len(k))
        keys, values = np.r_[P_k[c], k[c, : i + 1]], np.r_[P_v[c], v[c, : i + 1]]
        scores = keys @ q[h, i] / q.shape[2] ** 0.5
        want[h, i] = np.exp(scores - np.logaddexp.reduce(scores)) @ values
    return want


@pytest.mark.draws(*SIZES[:2])
def test_large_scores(student, rng, draw):
    """Scores around ±2000, different for each query: finite, without a warning."""
    q, k, v, P_k, P_v = problem(rng, *draw)
    q, k, P_k = np.abs(q), np.abs(k), np.abs(P_k)
    size = np.where(np.arange(q.shape[1]) % 2, 4000.0, -4000.0)[None, :, None]
    dots = q @ k.repeat(len(q) // len(k), 0).transpose(0, 2, 1)
    q = q * size / np.max(dots, (1, 2), keepdims=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = student.prefix_attention(q, k, v, P_k, P_v)
    if caught or not np.isfinite(np.asarray(got, float)).all():
        fail(
            "e^score overflows",
            "subtract each row's own largest score before exp",
            equation="(18.4)",
        )
    compare(got, want=one_by_one(q, k, v, P_k, P_v), tol=TOL, equation="(18.4)")


def far_below(student, given, low, names):
    """All visible scores are near `low`, the hidden ones far above."""
    q, k, v, P_k, P_v = given
    (H, T, d), share, length = q.shape, len(q) // len(k), P_k.shape[1]
    q = np.ones((H, T, d)) * d**0.5
    k, P_k = low / d + np.abs(k) / d, low / d + np.abs(P_k) / d
    k[:, -1] = 5 / d  # only the last query may see it
    sees = np.tri(T, length + T, length)
    keys, values = (
        np.repeat(np.concatenate(pair, axis=1), share, axis=0)
        for pair in ((P_k, k), (P_v, v))
    )
    s = q @ keys.transpose(0, 2, 1) / d**0.5

    def masked(by):
        return (softmax(np.where(sees, s, by(s))) @ values)[:, :-1]

    compare(
        student.prefix_attention(q, k, v, P_k, P_v)[:, :-1],
        want=one_by_one(q, k, v, P_k, P_v)[:, :-1],
        mistakes={name: masked(by) for name, by in names.items()},
        tol=TOL,
        equation="(18.4)",
    )


@pytest.mark.draws(*SIZES[:2])
def test_hidden_keys_far_above(student, rng, draw):
    """All visible scores are near −1000, the hidden ones far above."""
    names = {
        "masked scores are −100, not −∞": lambda s: -100.0,
        "masked scores are −1000, not −∞": lambda s: -1000.0,
        "the mask takes 1000 off, not ∞": lambda s: s - 1000.0,
        "masked scores are 0, not −∞: a weight of e⁰": lambda s: 0.0,
        "no causal mask": lambda s: s,
    }
    far_below(student, problem(rng, *draw), -1000.0, names)


@pytest.mark.draws(*SIZES[:2])
def test_any_finite_score(student, rng, draw):
    """The same with visible scores near −100,000."""
    names = {
        "masked scores are a finite number, not −∞": lambda s: -1e4,
        "the mask takes a finite number off, not ∞": lambda s: s - 1e4,
    }
    far_below(student, problem(rng, *draw), -1e5, names)
