"""Grader of gate. Sums of a few terms of order 1 round to 1e-15."""

import warnings

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
SIZES = [
    (5, 3, 4, 6),
    (4, 7, 2, 3),
    (6, 2, 5, 1),
    (3, 4, 8, 5),
]  # T, l, d, e: all differ


def problem(rng, T, length, d, e, size=1.5):
    """Every query sees a row of the prefix, and at least one does not see all."""
    q, k, P_k = (size * rng.normal(size=(n, d)) for n in (T, T, length))
    seen = rng.random((T, length)) < 0.6
    seen[np.arange(T), rng.integers(length, size=T)] = True
    seen[0], seen[-1] = np.arange(length) == 0, True
    return q, k, P_k, seen, rng.normal(size=(T, e)) + 1.0, rng.normal(size=(T, e)) - 1.0


def odds(q, k, P_k, seen, scale=None, front=None, sees=lambda i: i + 1):
    """λ as the prefix's share of all e^score: neither LSE nor sigmoid."""
    shares, root = [], q.shape[1] ** -0.5
    scale, front = scale or root, front or root
    for i, one in enumerate(q):
        own = (seen[i] * np.exp(front * (P_k @ one))).sum()
        shares.append(own / (own + np.exp(scale * (k[: sees(i)] @ one)).sum()))
    return np.array(shares)


def mixed(lam, o_K, o_P):
    return (lam, (o_K.T * (1 - lam) + o_P.T * lam).T)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def reduced(q, k, P_k, seen, how):
    """σ(how(prefix scores) − how(text scores)): another summary than log-sum-exp."""
    d = q.shape[1]
    rows = [
        (how(P_k[one] @ a / d**0.5), how(k[: i + 1] @ a / d**0.5))
        for i, (a, one) in enumerate(zip(q, seen))
    ]
    front, text = np.transpose(rows)
    return logistic(front - text)


def mistakes(q, k, P_k, seen, o_K, o_P):
    given, (T, d), length = (q, k, P_k, seen), q.shape, len(P_k)
    lam, tokens = odds(*given), 1.0 + np.arange(T)

    def with_(lam):
        return mixed(lam, o_K, o_P)

    def of(seen):
        return with_(odds(q, k, P_k, seen))

    zero = (~seen).sum(1)  # hidden rows with the score 0
    own = lam / (1 - lam) * np.exp(text_lse(q, k)) + zero
    return {
        "a constant λ = l/(l + visible tokens)": with_(length / (length + tokens)),
        "λ counts the visible rows: n/(n + visible tokens)": with_(
            seen.sum(1) / (seen.sum(1) + tokens)
        ),
        "`seen` is ignored": of(np.ones_like(seen)),
        "`seen` is inverted": of(~seen),
        "a score of 0, not −∞, for a hidden row of the prefix": with_(
            own / (own + np.exp(text_lse(q, k)))
        ),
        "LSE_K runs over the future too": with_(odds(*given, sees=lambda i: T)),
        "1/√d is missing in LSE_P": with_(odds(*given, front=1.0)),
        "1/√d is missing in LSE_K": with_(odds(*given, scale=1.0)),
        "1/√d is missing in both": with_(odds(*given, front=1.0, scale=1.0)),
        "1/d instead of 1/√d": with_(odds(*given, front=1 / d, scale=1 / d)),
        "1 − λ instead of λ": with_(1 - lam),
        "the largest score instead of LSE": with_(reduced(*given, np.max)),
        "the mean score instead of LSE": with_(reduced(*given, np.mean)),
        "the log of the mean of e^score, not of the sum": with_(
            reduced(*given, lambda s: np.log(np.mean(np.exp(s))))
        ),
        "the sum of e^score without its logarithm": (
            with_(reduced(*given, lambda s: np.exp(s).sum()))
        ),
        "o_K is not multiplied by 1 − λ": (lam, o_K + lam[:, None] * o_P),
        "o_P is not multiplied by λ": (lam, (1 - lam[:, None]) * o_K + o_P),
        "a query does not see its own key": with_(odds(*given, sees=lambda i: i)),
        "the prefix is masked like the text": of(seen & np.tri(T, length, dtype=bool)),
        "e^(LSE_P − LSE_K), the odds, instead of the share": with_(lam / (1 - lam)),
        "o_K and o_P are swapped": (lam, mixed(lam, o_P, o_K)[1]),
        "o comes first, then λ": mixed(lam, o_K, o_P)[::-1],
    }


def text_lse(q, k):
    s = np.where(np.tri(len(q)), q @ k.T / q.shape[1] ** 0.5, -np.inf)
    return np.logaddexp.reduce(s, axis=1)


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_gate_and_mixture(student, rng, draw):
    """λ and o on random data."""
    given = problem(rng, *draw)
    *parts, o_K, o_P = given
    with np.errstate(all="ignore"):
        known = mistakes(*given)
    want = mixed(odds(*parts), o_K, o_P)
    compare(
        student.gate(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(18.5)",
    )


@pytest.mark.draws((5, 3, 4, 6), (1, 4, 2, 3), (3, 1, 5, 2))
def test_nothing_seen(student, rng, draw):
    """A query that sees no row of the prefix has λ = 0 and o = o_K."""
    q, k, P_k, seen, o_K, o_P = problem(rng, *draw)
    seen[-1] = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = student.gate(q, k, P_k, seen, o_K, o_P)
    if caught or not all(np.isfinite(np.asarray(part, float)).all() for part in got):
        fail(
            "a query that sees no row of the prefix is NaN",
            "the log of an empty sum is −∞, and σ(−∞) = 0",
            equation="(18.5)",
        )
    lam = odds(q, k, P_k, seen)
    half, every = lam + 0.0, odds(q, k, P_k, np.ones_like(seen))
    half[-1] = 0.5
    compare(
        got,
        want=mixed(lam, o_K, o_P),
        mistakes={
            "`seen` is ignored": mixed(every, o_K, o_P),
            "λ is ½ where no row is seen": mixed(half, o_K, o_P),
        },
        tol=TOL,
        equation="(18.5)",
    )


@pytest.mark.draws((5, 3, 4, 6), (3, 6, 2, 4))
def test_one_softmax(student, rng, draw):
    """With the two groups' own outputs, o is that of one softmax over both."""
    T, length, d, e = draw
    q, k, P_k, seen, _, _ = problem(rng, *draw)
    v, P_v = rng.normal(size=(T, e)) + 1.0, rng.normal(size=(length, e)) - 1.0

    def part(keys, values, i):
        w = np.exp(keys @ q[i] / d**0.5)
        return w @ values / w.sum()

    rows = range(T)
    o_K = np.array([part(k[: i + 1], v[: i + 1], i) for i in rows])
    o_P = np.array([part(P_k[seen[i]], P_v[seen[i]], i) for i in rows])
    whole = [
        part(np.r_[P_k[seen[i]], k[: i + 1]], np.r_[P_v[seen[i]], v[: i + 1]], i)
        for i in rows
    ]
    with np.errstate(all="ignore"):
        every = mistakes(q, k, P_k, seen, o_K, o_P)
    names = (
        "LSE_K runs over the future too",
        "o_K is not multiplied by 1 − λ",
        "1 − λ instead of λ",
        "`seen` is ignored",
    )
    compare(
        student.gate(q, k, P_k, seen, o_K, o_P)[1],
        want=np.array(whole),
        mistakes={name: every[name][1] for name in names},
        tol=TOL,
        equation="(18.4), (18.5)",
    )


@pytest.mark.draws((5, 3, 4, 6), (3, 2, 7, 4))
def test_large_scores(student, rng, draw):
    """Scores of ±2000: λ is 0 or 1, finite and without a warning."""
    T, length, d, _ = draw
    *_, o_K, o_P = problem(rng, *draw)
    q = np.zeros((T, d)) + np.eye(d)[0] * d**0.5
    k, seen = np.zeros((T, d)) + 2000.0 * np.eye(d)[0], np.ones((T, length), bool)
    for sign, lam in ((-1.0, 0.0), (1.0, 1.0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            P_k = np.resize(sign * k, (length, d))
            got = student.gate(q, -sign * k, P_k, seen, o_K, o_P)
        if caught or not np.isfinite(np.asarray(got[0], float)).all():
            fail(
                "e^score overflows",
                "subtract the largest score first, or use np.logaddexp",
                equation="(18.5)",
            )
        compare(got[0], want=np.full(T, lam), tol=TOL, scale=1, equation="(18.5)")


@pytest.mark.draws((4, 3, 5, 2), (2, 5, 3, 4))
def test_far_below(student, rng, draw):
    """All visible scores are near −1000; the hidden ones are 0 and above."""
    T, length, d, _ = draw
    _, _, _, seen, o_K, o_P = problem(rng, *draw)
    seen[:, 0], seen[:, -1] = True, False
    near = rng.uniform(0, 2, (T + length, d)) / d
    q = np.ones((T, d)) * d**0.5
    k, P_k = (
        -1000.0 / d + near[:T],
        np.where(seen[0], -1000.0, 1.0)[:, None] / d + near[T:],
    )
    seen[:] = seen[0]
    future = np.tri(T) > 0
    s, f = q @ k.T / d**0.5, q @ P_k.T / d**0.5

    def lse(s):
        return np.logaddexp.reduce(s, axis=1)

    text = lse(np.where(future, s, -np.inf))
    want = mixed(logistic(lse(np.where(seen, f, -np.inf)) - text), o_K, o_P)
    with np.errstate(over="ignore"):
        known = {
            f"−{-low:g} instead of −∞ for what is hidden": mixed(
                logistic(lse(np.where(seen, f, low)) - lse(np.where(future, s, low))),
                o_K,
                o_P,
            )
            for low in (-100.0, -1000.0)
        }
    compare(
        student.gate(q, k, P_k, seen, o_K, o_P),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(18.5)",
    )
