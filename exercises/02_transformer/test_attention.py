"""Grader of attention. All bounds: sums of a few terms of order 1 round to 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
H, T, S, D, E = 2, 4, 6, 3, 5


def problem(seed, T=T, S=S, size=2.0):
    rng = np.random.default_rng(seed)
    q, k = (size * rng.normal(size=(H, n, D)) for n in (T, S))
    return q, k, rng.normal(size=(H, S, E)) + 1.0


def loop(q, k, v, seen=None, scale=D**-0.5, hidden=None, axis=1):
    """One head after another. seen(t, s): may look; hidden: the score of the others."""
    out = np.zeros((H, q.shape[1], v.shape[2]))
    for h in range(H):
        rows = [[scale * sum(a * b for a, b in zip(x, y)) for y in k[h]] for x in q[h]]
        scores = np.array(rows)
        if seen is not None:
            look = np.array(
                [[seen(t, s) for s in range(k.shape[1])] for t in range(len(q[h]))]
            )
            scores = np.where(look, scores, -np.inf if hidden is None else hidden)
        log_sum = np.logaddexp.reduce(scores, axis=axis, keepdims=True)
        out[h] = np.exp(scores - log_sum) @ v[h]
    return out


def masked_afterwards(q, k, v, seen):
    """The weights of hidden keys set to 0 after the softmax: rows sum to less than 1."""
    eye = np.broadcast_to(np.eye(k.shape[1]), (H, k.shape[1], k.shape[1]))
    look = [[seen(t, s) for s in range(k.shape[1])] for t in range(q.shape[1])]
    return (loop(q, k, eye) * np.array(look)) @ v


def naive(q, k, v, top):
    """exp of the scores minus `top(scores)`, overflow and underflow included."""
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(D)
    with np.errstate(all="ignore"):
        P = np.exp(scores - top(scores))
        return (P / P.sum(axis=-1, keepdims=True)) @ v


@pytest.mark.points(2)
def test_weights(student, seed):
    """Without a mask, on random data."""
    q, k, v = problem(seed)
    got = student.attention(q, k, v)
    compare(
        got,
        want=loop(q, k, v),
        mistakes={
            "the scale 1/√d is missing": loop(q, k, v, scale=1.0),
            "1/d instead of 1/√d": loop(q, k, v, scale=1 / D),
            "√d multiplies instead of dividing": loop(q, k, v, scale=D**0.5),
            "1/√(H·d): the width of all heads in the scale": loop(
                q, k, v, scale=(H * D) ** -0.5
            ),
            "the softmax runs over the queries, not over the keys": loop(
                q, k, v, axis=0
            ),
            "the weights are not normalised": naive(q, k, v, lambda s: 0.0)
            * np.exp(np.einsum("htd,hsd->hts", q, k) / np.sqrt(D)).sum(-1)[..., None],
        },
        tol=TOL,
        equation="(2.1)",
    )


@pytest.mark.points(2)
def test_causal(student, seed):
    """The causal mask with more keys than queries: the last query sees every key."""
    q, k, v = problem(seed)
    late = S - T

    def right(t, s):
        return s <= t + late

    compare(
        student.attention(q, k, v, causal=True),
        want=loop(q, k, v, right),
        mistakes={
            "each query sees one key of the future": loop(
                q, k, v, lambda t, s: s <= t + late + 1
            ),
            "a query does not see its own key": loop(
                q, k, v, lambda t, s: s < t + late
            ),
            "the mask is aligned with the first key, not with the last": loop(
                q, k, v, lambda t, s: s <= t
            ),
            "the mask is turned round: only the future is seen": loop(
                q, k, v, lambda t, s: s >= t + late
            ),
            "hidden scores are 0 instead of −∞": loop(q, k, v, right, hidden=0.0),
            "masked after the softmax: the rows do not sum to 1": masked_afterwards(
                q, k, v, right
            ),
            "`causal` was ignored": loop(q, k, v),
        },
        tol=TOL,
        equation="(2.2)",
    )


def test_running_mean(student, seed):
    """Zero queries look at all keys alike: the mean of v, causal its running mean."""
    q, k, v = problem(seed, T=S)
    mean = np.broadcast_to(v.mean(axis=1, keepdims=True), v.shape)
    compare(
        student.attention(0 * q, k, v),
        want=mean,
        mistakes={"the weights are not normalised": S * mean},
        tol=TOL,
        equation="(2.3)",
    )
    want = np.stack([v[:, : t + 1].mean(axis=1) for t in range(S)], axis=1)
    compare(
        student.attention(0 * q, k, v, causal=True),
        want=want,
        mistakes={
            "`causal` was ignored": mean,
            "hidden scores are 0 instead of −∞": mean,
            "masked after the softmax: the rows do not sum to 1": np.cumsum(v, 1) / S,
        },
        tol=TOL,
        equation="(2.3)",
    )


def test_the_future_stays_hidden(student, seed):
    """Other keys and values at the end change nothing before them, bit for bit."""
    q, k, v = problem(seed, T=S)
    before = student.attention(q, k, v, causal=True)[:, :3]
    k[:, 3:], v[:, 3:] = k[:, 3:] + 1.0, -v[:, 3:]
    after = student.attention(q, k, v, causal=True)[:, :3]
    if not np.array_equal(before, after):
        worst = np.abs(after - before).max()
        fail(
            "each query sees one key of the future",
            f"(or more): keys and values 3, 4, 5 were changed and outputs 0, 1, 2 moved "
            f"by up to {worst:.3g}",
            equation="(2.2)",
        )


def test_large_scores(student, seed):
    """Scores of ±1000 in one problem: finite, and right."""
    q, k, v = problem(seed)
    k = np.abs(k) + 0.5  # so that the signs below are those of the scores
    q = np.sign(np.arange(T) - 1.5)[:, None] * (np.abs(q) + 0.5) * 2000.0
    compare(
        student.attention(q, k, v),
        want=loop(q, k, v),
        mistakes={
            "exp overflows: the row's maximum was not subtracted": naive(
                q, k, v, lambda s: 0.0
            ),
            "one maximum for the whole array: rows far below it underflow": naive(
                q, k, v, np.max
            ),
        },
        tol=1e-6,  # scores of 1e4 carry 1e-12 of rounding into the exponent
        equation="(2.1)",
    )
