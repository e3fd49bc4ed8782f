"""Grader of unpermute. The reference never reorders for its scores: it turns neighbouring
rows of the file's own matrices with complex numbers, as llama.cpp does. Sums of a few
dozen products err by 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [  # heads, kv_heads, w, C, T: three positions or more, six rows a head or more
    (4, 2, 8, 9, 5),
    (6, 3, 8, 7, 4),
    (3, 3, 6, 8, 3),
    (4, 1, 16, 11, 6),
]


def problem(rng, heads, kv_heads, w, C, T):
    Wq = rng.normal(size=(heads * w, C))
    Wk = rng.normal(size=(kv_heads * w, C))
    return Wq, Wk, rng.normal(size=(T, C)), heads, kv_heads, float(rng.uniform(20, 60))


def order(count, w, rule=""):
    """Where in the file our rows lie."""
    if rule == "none":
        return np.arange(count * w)
    if rule == "one head":
        count, w = 1, count * w
    at = []
    for h in range(count):
        for i in range(w):
            j, second = i % (w // 2), i // (w // 2)
            at.append(h * w + 2 * j + second)
    return np.argsort(at) if rule == "inverse" else np.array(at)


def pairs(W, X, count, halves=False):
    """Complex pairs (T, count, w/2): neighbours, or a row and the one w/2 below."""
    y = (X @ W.T).reshape(len(X), count, -1)
    half = y.shape[2] // 2
    return (
        y[..., :half] + 1j * y[..., half:]
        if halves
        else y[..., ::2] + 1j * y[..., 1::2]
    )


def scores(given, rule="", Wq=None, Wk=None):
    """S of the file's own order; of our matrices if they are given."""
    fq, fk, X, heads, kv_heads, base = given
    halves = Wq is not None and rule != "neighbours"
    q = pairs(fq if Wq is None else Wq, X, heads, halves)
    k = pairs(fk if Wk is None else Wk, X, kv_heads, halves)
    w, T, C = 2 * q.shape[2], *X.shape
    rate = base ** (-(1 if rule == "rate" else 2) * np.arange(w // 2) / w)
    if rule == "same rate":
        rate = np.ones(w // 2)
    angle = np.arange(T)[:, None, None] * rate
    turn = np.exp((-1j if rule == "backwards" else 1j) * angle)
    if rule == "still":
        turn = np.ones_like(turn)
    q, k = q * turn, k * (1.0 if rule == "queries alone" else turn)
    of = [h * kv_heads // heads for h in range(heads)]
    if rule == "in turn":
        of = [h % kv_heads for h in range(heads)]
    S = np.einsum("thw,uhw->htu", q, k[:, of].conj()).real
    return S / {"no root": 1.0, "model": C**0.5, "whole": w}.get(rule, w**0.5)


def answer(given, rq="", rk="", rule=""):
    """The three results where q and k are reordered by a rule, and scores follow."""
    Wq, Wk, _, heads, kv_heads, _ = given
    w = len(Wq) // heads
    Q = Wq[order(heads, w, rq)]
    if rk == "heads of q":  # the key rows cut into as many heads as the queries have
        width = len(Wk) // heads
        K = Wk[order(heads, width)]
    else:
        K = Wk[order(kv_heads, w, rk)]
    return Q, K, scores(given, rule, Q, K)


def mistakes(given):
    right = answer(given)
    Q, K, S = right

    def other(rule):
        return Q, K, scores(given, rule, Q, K)

    known = {
        "the rows stay as they lie in the file": answer(given, "none", "none"),
        "permuted once more instead of back": answer(given, "inverse", "inverse"),
        "the whole matrix is taken for one head": answer(given, "one head", "one head"),
        "k has kv_heads heads, not `heads`": answer(given, "", "heads of q"),
        "the rows of k stay as they lie in the file": answer(given, "", "none"),
        "the rows of q stay as they lie in the file": answer(given, "none", ""),
        "neighbours are turned after the rows were put back": other("neighbours"),
        "the angles fall half as fast: base^(−j/w)": other("rate"),
        "every pair turns by the same angle": other("same rate"),
        "turned backwards": other("backwards"),
        "nothing is turned": other("still"),
        "only the queries are turned": other("queries alone"),
        "query head h looks at key head h % kv_heads": other("in turn"),
        "not divided by √w": other("no root"),
        "divided by √C, not by √w": other("model"),
        "divided by w, not by √w": other("whole"),
        "the scores are transposed: S[h, u, t]": (Q, K, S.swapaxes(1, 2)),
    }
    return {name: value for name, value in known.items() if not same(value, right)}


def same(got, want):
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-6, 1e-6)
        for a, b in zip(got, want, strict=True)
    )


def judge(student, given):
    right = answer(given)
    assert np.allclose(right[2], scores(given), 1e-12, 1e-12)  # (29.1) itself
    compare(
        student.unpermute(*given),
        want=(*right[:2], scores(given)),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(29.1)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_rows_and_scores(student, rng, draw):
    """Both matrices, and scores equal to the file's own between all positions."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((2, 2, 10, 5, 3), (2, 1, 12, 6, 4), (8, 4, 8, 5, 3))
def test_other_heads(student, rng, draw):
    """Other numbers of heads."""
    judge(student, problem(rng, *draw))
