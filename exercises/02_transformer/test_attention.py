"""Grader of attention. All bounds: sums of a few terms of order 1 round to 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
# heads, queries, keys, width of q and k, width of v
SIZES = (2, 4, 6, 3, 5), (1, 3, 7, 5, 2), (4, 1, 3, 2, 6), (3, 5, 8, 1, 4)
SCALE, SUMS = "the scale 1/√d is missing", "the weights are not normalised"
KEYS = "the softmax runs over the queries, not over the keys"
FUTURE = "each query sees one key of the future"
FINITE = "hidden scores are a finite number, not −∞"
ZERO, IGNORED = "hidden scores are 0 instead of −∞", "`causal` was ignored"
AFTER = "masked after the softmax: the rows do not sum to 1"


def problem(rng, H, T, S, D, E, size=2.0):
    q, k = (size * rng.normal(size=(H, n, D)) for n in (T, S))
    return q, k, rng.normal(size=(H, S, E)) + 1.0


def loop(q, k, v, seen=None, scale=None, hidden=-np.inf, axis=1):
    """One head after another. seen(t, s): may look; hidden: the score of the others."""
    (H, T, D), S = q.shape, k.shape[1]
    scale = D**-0.5 if scale is None else scale
    out = np.zeros((H, T, v.shape[2]))
    for h in range(H):
        rows = [[scale * sum(a * b for a, b in zip(x, y)) for y in k[h]] for x in q[h]]
        scores = np.array(rows)
        if seen is not None:
            look = np.array([[seen(t, s) for s in range(S)] for t in range(T)])
            scores = np.where(look, scores, hidden)
        log_sum = np.logaddexp.reduce(scores, axis=axis, keepdims=True)
        out[h] = np.exp(scores - log_sum) @ v[h]
    return out


def masked_afterwards(q, k, v, seen):
    """The weights of hidden keys set to 0 after the softmax: rows sum to less than 1."""
    (H, T, _), S = q.shape, k.shape[1]
    eye = np.broadcast_to(np.eye(S), (H, S, S))
    look = [[seen(t, s) for s in range(S)] for t in range(T)]
    return (loop(q, k, eye) * np.array(look)) @ v


def naive(q, k, v, top):
    """exp of the scores minus `top(scores)`, overflow and underflow included."""
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(q.shape[-1])
    P = np.exp(scores - top(scores))
    return (P / P.sum(axis=-1, keepdims=True)) @ v


def open_mistakes(q, k, v):
    (H, T, D), (_, S, E) = q.shape, v.shape
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(D)
    return {
        SCALE: loop(q, k, v, scale=1.0),
        "1/d instead of 1/√d": loop(q, k, v, scale=1 / D),
        "√d multiplies instead of dividing": loop(q, k, v, scale=D**0.5),
        "1/√(H·d): the width of all heads in the scale": loop(
            q, k, v, scale=(H * D) ** -0.5
        ),
        "1/√S: the number of keys in the scale": loop(q, k, v, scale=S**-0.5),
        "1/√T: the number of queries in the scale": loop(q, k, v, scale=T**-0.5),
        "1/√e: the width of v in the scale": loop(q, k, v, scale=E**-0.5),
        "the weights are divided by √d, not the scores": loop(q, k, v, scale=1.0)
        / np.sqrt(D),
        KEYS: loop(q, k, v, axis=0),
        "one softmax over queries and keys": loop(q, k, v, axis=(0, 1)),
        SUMS: np.exp(scores) @ v,
        "no softmax: the scores are the weights": scores @ v,
        "softmax twice": loop(
            loop(q, k, np.broadcast_to(np.eye(S), (H, S, S))),
            np.broadcast_to(np.eye(S), (H, S, S)),
            v,
            scale=1.0,
        ),
    }


def causal_mistakes(q, k, v, right):
    late = k.shape[1] - q.shape[1]
    return {
        FUTURE: loop(q, k, v, lambda t, s: s <= t + late + 1),
        "a query does not see its own key": loop(q, k, v, lambda t, s: s < t + late),
        "the mask is aligned with the first key, not with the last": loop(
            q, k, v, lambda t, s: s <= t
        ),
        "the mask is turned round: only the future is seen": loop(
            q, k, v, lambda t, s: s >= t + late
        ),
        "the mask is turned round: the past and the own key are hidden": loop(
            q, k, v, lambda t, s: s > t + late
        ),
        ZERO: loop(q, k, v, right, hidden=0.0),
        AFTER: masked_afterwards(q, k, v, right),
        IGNORED: loop(q, k, v),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """Without a mask, on random data; one head and one query too."""
    given = problem(rng, *draw)
    want = loop(*given)
    compare(
        student.attention(*given),
        want=want,
        mistakes=open_mistakes(*given),
        tol=TOL,
        equation="(2.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES, (2, 5, 5, 4, 3))
def test_causal(student, rng, draw):
    """The causal mask, mostly with more keys than queries: the last sees every key."""
    given, late = problem(rng, *draw), draw[2] - draw[1]

    def right(t, s):
        return s <= t + late

    want = loop(*given, right)
    with np.errstate(all="ignore"):  # a row that sees nothing
        known = causal_mistakes(*given, right)
    compare(
        student.attention(*given, causal=True),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(2.2)",
    )


@pytest.mark.draws((2, 6, 6, 3, 5), (1, 4, 4, 7, 2))
def test_running_mean(student, rng, draw):
    """Zero queries look at all keys alike: the mean of v, causal its running mean."""
    q, k, v = problem(rng, *draw)
    S, mean = draw[2], np.broadcast_to(v.mean(axis=1, keepdims=True), v.shape)
    compare(
        student.attention(0 * q, k, v),
        want=mean,
        mistakes={SUMS: S * mean},
        tol=TOL,
        equation="(2.3)",
    )
    want = np.stack([v[:, : t + 1].mean(axis=1) for t in range(S)], axis=1)
    compare(
        student.attention(0 * q, k, v, causal=True),
        want=want,
        mistakes={IGNORED: mean, ZERO: mean, AFTER: np.cumsum(v, 1) / S},
        tol=TOL,
        equation="(2.3)",
    )


@pytest.mark.draws((2, 4, 6, 3, 5), (3, 5, 5, 2, 4))
def test_the_future_stays_hidden(student, rng, draw):
    """Other keys and values after query t change nothing at t, or before."""
    H, T, S, _, E = draw
    q, k, v = problem(rng, *draw)
    before = take(student.attention(q, k, v, causal=True), O=(H, T, E))
    own = S - T + 1  # the last key that query 1 sees
    k[:, own + 1 :], v[:, own + 1 :] = k[:, own + 1 :] + 1.0, -v[:, own + 1 :]
    after = take(student.attention(q, k, v, causal=True), O=(H, T, E))
    worst = np.abs(after - before)[:, :2].max()
    if not worst <= TOL:
        said = (
            f"keys and values from {own + 1} on were changed, and outputs 0 and 1 moved"
        )
        fail("a query sees the future", f"{said} by up to {worst:.3g}", "(2.2)")


@pytest.mark.draws(*SIZES[:2])
def test_large_scores(student, rng, draw):
    """Scores of ±1000 in one problem: finite, and right."""
    q, k, v = problem(rng, *draw)
    k = np.abs(k) + 0.5  # so that q's signs below are the scores' signs
    q = np.sign(np.arange(draw[1]) - 0.5)[:, None] * (np.abs(q) + 0.5) * 2000.0
    want = loop(q, k, v)
    with np.errstate(all="ignore"):
        known = {
            "exp overflows: the row's maximum was not subtracted": naive(
                q, k, v, lambda s: 0.0
            ),
            "one maximum for the whole array: rows far below it underflow": naive(
                q, k, v, np.max
            ),
            "the maximum over the queries, not over the keys": naive(
                q, k, v, lambda s: s.max(axis=1, keepdims=True)
            ),
        }
        got = student.attention(q, k, v)
    compare(
        got,
        want=want,
        mistakes=known,
        tol=1e-6,  # scores of 1e4 carry 1e-12 of rounding into the exponent
        equation="(2.1)",
    )


@pytest.mark.draws((2, 4, 6, 3, 5, 1e3), (1, 3, 7, 2, 4, 1e10))
def test_low_scores(student, rng, draw):
    """Causal, with visible scores of −1000 and −10¹⁰: a hidden score is lower still."""
    *sizes, low = draw
    q, k, v = problem(rng, *sizes)
    q, k = -low * (np.abs(q) + 0.5), np.abs(k) + 0.5
    late = sizes[2] - sizes[1]
    want = loop(q, k, v, lambda t, s: s <= t + late)
    known = {
        FINITE: loop(q, k, v, lambda t, s: s <= t + late, hidden=0.0),
        IGNORED: loop(q, k, v),
    }
    compare(
        student.attention(q, k, v, causal=True),
        want=want,
        mistakes=known,
        tol=1e-5,  # scores of 1e10 carry 1e-6; their gaps are far larger
        equation="(2.2)",
    )
