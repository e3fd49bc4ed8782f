"""Grader of gate. Sums of a few terms of order 1 round to 1e-15."""

import warnings

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
T, L, D, E = 5, 3, 4, 6


def problem(seed, size=1.5):
    rng = np.random.default_rng(seed)
    q, k, P_k = (size * rng.normal(size=(n, D)) for n in (T, T, L))
    return q, k, P_k, rng.normal(size=(T, E)) + 1.0, rng.normal(size=(T, E)) - 1.0


def odds(
    q, k, P_k, scale=D**-0.5, front=D**-0.5, seen=lambda i: i + 1, rows=lambda i: L
):
    """λ as the prefix's share of all e^score: neither LSE nor sigmoid."""
    shares = []
    for i, one in enumerate(q):
        own = np.exp(front * (P_k[: rows(i)] @ one)).sum()
        shares.append(own / (own + np.exp(scale * (k[: seen(i)] @ one)).sum()))
    return np.array(shares)


def mixed(lam, o_K, o_P):
    return (lam, (o_K.T * (1 - lam) + o_P.T * lam).T)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def reduced(q, k, P_k, how):
    """σ(how(prefix scores) − how(text scores)): another summary than log-sum-exp."""
    rows = [
        (how(P_k @ a / D**0.5), how(k[: i + 1] @ a / D**0.5)) for i, a in enumerate(q)
    ]
    front, text = np.transpose(rows)
    return logistic(front - text)


def mistakes(q, k, P_k, o_K, o_P):
    lam, given = odds(q, k, P_k), (q, k, P_k)

    def with_(lam):
        return mixed(lam, o_K, o_P)

    return {
        "a constant λ = l/(l + visible tokens)": with_(L / (L + 1.0 + np.arange(T))),
        "LSE_K runs over the future too": with_(odds(*given, seen=lambda i: T)),
        "1/√d is missing in LSE_P": with_(odds(*given, front=1.0)),
        "1/√d is missing in both": with_(odds(*given, front=1.0, scale=1.0)),
        "1 − λ in place of λ": with_(1 - lam),
        "the largest score in place of LSE": with_(reduced(*given, np.max)),
        "the mean score in place of LSE": with_(reduced(*given, np.mean)),
        "the sum of e^score without its logarithm": (
            with_(reduced(*given, lambda s: np.exp(s).sum()))
        ),
        "o_K is not multiplied by 1 − λ": (lam, o_K + lam[:, None] * o_P),
        "1/d in place of 1/√d": with_(odds(*given, front=1 / D, scale=1 / D)),
        "a query does not see its own key": with_(odds(*given, seen=lambda i: i)),
        "the prefix is masked like the text": with_(odds(*given, rows=lambda i: i + 1)),
        "e^(LSE_P − LSE_K), the odds, in place of the share": with_(lam / (1 - lam)),
        "o_K and o_P are swapped": (lam, mixed(lam, o_P, o_K)[1]),
    }


@pytest.mark.points(3)
def test_gate_and_mixture(student, seed):
    """λ and o on random data."""
    given = problem(seed)
    q, k, P_k, o_K, o_P = given
    compare(
        tuple(student.gate(*given)),
        want=mixed(odds(q, k, P_k), o_K, o_P),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(18.2)",
    )


def test_one_softmax(student, seed):
    """With the two groups' own outputs, o is that of one softmax over both."""
    q, k, P_k, _, _ = problem(seed)
    rng = np.random.default_rng(seed + 1)
    v, P_v = rng.normal(size=(T, E)) + 1.0, rng.normal(size=(L, E)) - 1.0

    def part(keys, values, i):
        w = np.exp(keys @ q[i] / D**0.5)
        return w @ values / w.sum()

    rows = range(T)
    o_K = np.array([part(k[: i + 1], v[: i + 1], i) for i in rows])
    o_P = np.array([part(P_k, P_v, i) for i in rows])
    whole = [part(np.r_[P_k, k[: i + 1]], np.r_[P_v, v[: i + 1]], i) for i in rows]
    every = mistakes(q, k, P_k, o_K, o_P)
    names = (
        "LSE_K runs over the future too",
        "o_K is not multiplied by 1 − λ",
        "1 − λ in place of λ",
    )
    compare(
        student.gate(q, k, P_k, o_K, o_P)[1],
        want=np.array(whole),
        mistakes={name: every[name][1] for name in names},
        tol=TOL,
        equation="(18.1), (18.2)",
    )


def test_large_scores(student, seed):
    """Scores of ±2000: λ is 0 or 1, finite and without a warning."""
    *_, o_K, o_P = problem(seed)
    q = np.tile([2.0, 0, 0, 0], (T, 1))
    k = np.tile([2000.0, 0, 0, 0], (T, 1))
    for sign, lam in ((-1.0, 0.0), (1.0, 1.0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = student.gate(q, -sign * k, sign * k[:L], o_K, o_P)
        if caught or not np.isfinite(np.asarray(got[0], float)).all():
            fail(
                "e^score overflows",
                "subtract the largest score first, or use np.logaddexp",
                equation="(18.2)",
            )
        compare(got[0], want=np.full(T, lam), tol=TOL, scale=1, equation="(18.2)")
