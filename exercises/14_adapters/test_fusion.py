"""Grader of fusion. Bounds: rounding, below 1e-14 for a softmax of three scores."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10


def problem(seed, B=4, N=3, d=5):
    rng = np.random.default_rng(seed)
    y, A = rng.normal(size=(B, d)), rng.normal(size=(B, N, d))
    Q, K = rng.normal(size=(d, d)) / 2, rng.normal(size=(d, d)) / 2
    return y, A, Q, K, np.eye(d) + 0.5 * rng.normal(size=(d, d))


def weigh(scores):
    """softmax, one score against the others: w_n = 1/Σ_j exp(s_j − s_n)."""
    return np.array([1 / np.sum(np.exp(scores - one)) for one in scores])


def mix(y, A, Q, K, V, query=None, divide=1.0):
    """Row by row, adapter by adapter, column vectors; (y', weights)."""
    rows, weights = [], []
    for i, (one, added) in enumerate(zip(y, A)):
        q = Q @ (one if query is None else query[i])
        w = weigh(np.array([q @ (K @ a) for a in added]) / divide)
        rows.append(one + sum(v * (V @ a) for v, a in zip(w, added)))
        weights.append(w)
    return np.array(rows), np.array(weights)


def scores_of(y, A, Q, K):
    return np.array([[(Q @ q) @ (K @ a) for a in r] for q, r in zip(y, A)])


def given(y, A, V, w):
    """y' for weights that come from elsewhere, and those weights."""
    return y + np.einsum("bn,bnd,ed->be", w, A, V), w


def mistakes(y, A, Q, K, V):
    right, w = mix(y, A, Q, K, V)
    s, eye = scores_of(y, A, Q, K), np.eye(len(V))
    down = np.array([weigh(column) for column in s.T]).T
    once = weigh(s.ravel()).reshape(s.shape)
    return {
        "scores are divided by √d": mix(y, A, Q, K, V, divide=len(Q) ** 0.5),
        "the query comes from the adapters' mean, not from the layer": (
            mix(y, A, Q, K, V, query=A.mean(axis=1))
        ),
        "Q and K are exchanged: the query comes from the adapters": (
            mix(y, A, K, Q, V)
        ),
        "Q is transposed": mix(y, A, Q.T, K, V),
        "K is transposed": mix(y, A, Q, K.T, V),
        "Q is missing: the query is y": mix(y, A, eye, K, V),
        "one softmax over all rows and adapters": given(y, A, V, once),
        "the adapters are added up, without their weights": (
            given(y, A, V, np.ones_like(w))[0],
            w,
        ),
        "y' comes first, then the weights": lambda: (w, right),
        "K is missing: the keys are the adapters' outputs": mix(y, A, Q, eye, V),
        "V is missing": mix(y, A, Q, K, eye),
        "V is transposed": mix(y, A, Q, K, V.T),
        "the skip connection y is missing": (right - y, w),
        "V acts on y + a_n, not on a_n": (right - y + y @ V.T, w),
        "softmax over the batch, not over the adapters": given(y, A, V, down),
        "the weights are not normalised: they do not sum to 1": (
            given(y, A, V, np.exp(s - s.max(axis=1, keepdims=True)))
        ),
        "one weight for the whole batch": (
            given(y, A, V, np.tile(w.mean(axis=0), (len(y), 1)))
        ),
    }


@pytest.mark.points(3)
def test_formula(student, seed):
    """The mixture and its weights on random data."""
    parts = problem(seed)
    compare(
        student.fusion(*parts),
        want=mix(*parts),
        mistakes=mistakes(*parts),
        tol=TOL,
        equation="(14.7)",
    )


def test_zero_queries_give_the_mean(student, seed):
    """A zero query: every adapter counts the same."""
    y, A, Q, K, V = problem(seed, B=3, N=4, d=6)
    compare(
        student.fusion(y, A, 0 * Q, K, V),
        want=(y + A.mean(axis=1) @ V.T, np.full((3, 4), 0.25)),
        mistakes={
            "V is missing": (y + A.mean(axis=1), np.full((3, 4), 0.25)),
            "V is transposed": (y + A.mean(axis=1) @ V, np.full((3, 4), 0.25)),
        },
        tol=TOL,
        equation="(14.8)",
    )


def test_large_scores(student, seed):
    """Scores of some thousands: one adapter takes all, without overflow."""
    y, A, Q, K, V = problem(seed)
    s = 1e4 * scores_of(y, A, Q, K)
    with np.errstate(all="ignore"):
        got = student.fusion(y, A, 1e4 * Q, K, V)
    if not all(np.all(np.isfinite(part)) for part in got):
        fail(
            "softmax overflows: subtract the largest score first",
            "scores of 1e4 gave NaN or infinity; exp(s - max s) gives the same weights",
            equation="(14.7)",
        )
    with np.errstate(over="ignore"):  # exp(s_j − s_n) = ∞ is a weight of 0
        w = np.array([weigh(row) for row in s])
    compare(got, want=given(y, A, V, w), tol=1e-7, equation="(14.7)")


def test_penalty(student, seed):
    """strength·‖V − I‖², the squared Frobenius norm."""
    V, strength = problem(seed)[-1], 0.03
    off = V - np.eye(len(V))
    compare(
        student.value_penalty(V, strength),
        want=strength * np.trace(off.T @ off),
        mistakes={
            "the penalty pulls V to 0": strength * np.trace(V.T @ V),
            "the penalty is a mean": strength * np.mean(off**2),
            "the penalty has no square": strength * np.linalg.norm(off),
            "the penalty has a ½": strength / 2 * np.trace(off.T @ off),
            "absolute values in place of squares": strength * np.sum(np.abs(off)),
        },
        tol=TOL,
        equation="(14.9)",
    )
