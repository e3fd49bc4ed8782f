"""Grader of fusion. Bounds: rounding, below 1e-14 for a softmax of three scores."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10
SIZES = [(4, 3, 5), (6, 5, 2), (2, 4, 7), (5, 2, 3)]  # B, N, d: all different


def problem(rng, B, N, d):
    """Every row may use its first or another adapter; one row may use all."""
    y, A = rng.normal(size=(B, d)), rng.normal(size=(B, N, d))
    Q, K = rng.normal(size=(d, d)) / 2, rng.normal(size=(d, d)) / 2
    on = np.argsort(rng.random((B, N)), axis=1) <= np.arange(B)[:, None] % N
    on[rng.integers(B)] = True
    return y, A, Q, K, np.eye(d) + 0.5 * rng.normal(size=(d, d)), on


def weigh(scores, on):
    """softmax, one score against the others: w_n = 1/Σ_j exp(s_j − s_n)."""
    with np.errstate(over="ignore"):  # exp(s_j − s_n) = ∞ is a weight of 0
        w = [1 / np.sum(np.exp(scores[on] - one)) for one in scores]
    return np.where(on, w, 0.0)


def mix(y, A, Q, K, V, on, query=None, divide=1.0):
    """Row by row, adapter by adapter, column vectors; (y', weights)."""
    rows, weights = [], []
    for i, (one, added) in enumerate(zip(y, A)):
        q = Q @ (one if query is None else query[i])
        w = weigh(np.array([q @ (K @ a) for a in added]) / divide, on[i])
        rows.append(one + sum(v * (V @ a) for v, a in zip(w, added)))
        weights.append(w)
    return np.array(rows), np.array(weights)


def scores_of(y, A, Q, K):
    return np.array([[(Q @ q) @ (K @ a) for a in r] for q, r in zip(y, A)])


def given(y, A, V, w):
    """y' for weights that come from elsewhere, and those weights."""
    return y + np.einsum("bn,bnd,ed->be", w, A, V), w


def softmax(s, axis=1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def mistakes(y, A, Q, K, V, on):
    right, w = mix(y, A, Q, K, V, on)
    s, eye = scores_of(y, A, Q, K), np.eye(len(V))
    hidden = np.where(on, s, -np.inf)
    down = np.array([weigh(column, o) for column, o in zip(s.T, on.T)]).T
    once = weigh(s.ravel(), on.ravel()).reshape(s.shape)
    top = hidden.max(axis=1, keepdims=True)
    return {
        "`on` is ignored": given(y, A, V, softmax(s)),
        "`on` is inverted": mix(y, A, Q, K, V, ~on),
        "the weights are set to 0 after the softmax: they do not sum to 1": given(
            y, A, V, softmax(s) * on
        ),
        "a score of 0, not −∞, where an adapter is off": given(
            y, A, V, softmax(s * on)
        ),
        "scores are divided by √d": mix(y, A, Q, K, V, on, divide=len(Q) ** 0.5),
        "the query comes from the adapters' mean, not from the layer": (
            mix(y, A, Q, K, V, on, query=A.mean(axis=1))
        ),
        "Q and K are exchanged: the query comes from the adapters": (
            mix(y, A, K, Q, V, on)
        ),
        "Q is transposed": mix(y, A, Q.T, K, V, on),
        "K is transposed": mix(y, A, Q, K.T, V, on),
        "Q is missing: the query is y": mix(y, A, eye, K, V, on),
        "K is missing: the keys are the adapters' outputs": mix(y, A, Q, eye, V, on),
        "V is missing": mix(y, A, Q, K, eye, on),
        "V is transposed": mix(y, A, Q, K, V.T, on),
        "the sign of the scores is reversed": mix(y, A, -Q, K, V, on),
        "one softmax over all rows and adapters": given(y, A, V, once),
        "the adapters are added up, without their weights": (
            given(y, A, V, np.ones_like(w))[0],
            w,
        ),
        "the best adapter takes all: argmax, not softmax": given(
            y, A, V, 1.0 * (hidden == top)
        ),
        "y' comes first, then the weights": (w, right),
        "the skip connection y is missing": (right - y, w),
        "V acts on y + a_n, not on a_n": (right - y + y @ V.T, w),
        "softmax over the batch, not over the adapters": given(y, A, V, down),
        "the weights are not normalised: they do not sum to 1": (
            given(y, A, V, np.exp(hidden - top))
        ),
        "one weight for the whole batch": (
            given(y, A, V, np.tile(w.mean(axis=0), (len(y), 1)))
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_formula(student, rng, draw):
    """The mixture and its weights on random data."""
    parts = problem(rng, *draw)
    want = mix(*parts)
    compare(
        student.fusion(*parts),
        want=want,
        mistakes=mistakes(*parts),
        tol=TOL,
        equation="(14.7)",
    )


@pytest.mark.draws((3, 4, 6), (5, 2, 3), (1, 5, 2))
def test_zero_queries_give_the_mean(student, rng, draw):
    """A zero query: every adapter that is on counts the same."""
    y, A, Q, K, V, on = problem(rng, *draw)
    w = on / on.sum(axis=1, keepdims=True)
    compare(
        student.fusion(y, A, 0 * Q, K, V, on),
        want=given(y, A, V, w),
        mistakes={
            "V is missing": given(y, A, np.eye(len(V)), w),
            "V is transposed": given(y, A, V.T, w),
        },
        tol=TOL,
        equation="(14.8)",
    )


@pytest.mark.draws((4, 3, 5), (3, 2, 4), (1, 4, 3))
def test_nothing_is_on(student, rng, draw):
    """A row without any adapter stays y, its weights are 0."""
    y, A, Q, K, V, on = problem(rng, *draw)
    off = int(rng.integers(len(on)))
    on[off] = False
    got = student.fusion(y, A, Q, K, V, on)
    want = mix(y, A, Q, K, V, on)
    if not all(np.all(np.isfinite(np.asarray(part, float))) for part in got):
        fail(
            "a row that may use no adapter is NaN",
            "−∞ − (−∞) and 0/0 are NaN: such a row has the weights 0",
            equation="(14.7)",
        )
    equal = want[1] + (~on.any(axis=1, keepdims=True)) / on.shape[1]
    compare(
        got,
        want=want,
        mistakes={
            "a row that may use no adapter uses all alike": given(y, A, V, equal),
            "`on` is ignored": given(y, A, V, softmax(scores_of(y, A, Q, K))),
        },
        tol=TOL,
        equation="(14.7)",
    )


@pytest.mark.draws((4, 3, 5, 1.0), (5, 4, 2, 1.0), (3, 5, 4, -1.0))
def test_large_scores(student, rng, draw):
    """Scores of some thousands: one adapter takes all, without overflow."""
    *sizes, sign = draw
    y, A, Q, K, V, on = problem(rng, *sizes)
    Q = sign * 1e4 * Q
    got = student.fusion(y, A, Q, K, V, on)
    if not all(np.all(np.isfinite(np.asarray(part, float))) for part in got):
        fail(
            "softmax overflows: subtract the largest score first",
            "scores of 1e4 gave NaN or infinity; exp(s - max s) gives the same weights",
            equation="(14.7)",
        )
    compare(got, want=mix(y, A, Q, K, V, on), tol=1e-7, equation="(14.7)")


@pytest.mark.draws((4, 3, 5), (3, 4, 2))
def test_far_below(student, rng, draw):
    """All adapters that are on score below −1000, those that are off above 0."""
    y, A, _, _, V, on = problem(rng, *draw)
    on[:, 0], on[:, -1] = True, False
    y, A = np.abs(y) + 0.5, np.abs(A) + 0.5
    A = np.where(on[:, :, None], -A * 1000 / A.sum(axis=2, keepdims=True), A)
    y = y / y.min()
    eye = np.eye(len(V))
    s = scores_of(y, A, eye, eye)
    want = mix(y, A, eye, eye, V, on)
    finite = {
        f"−{-low:g} instead of −∞ where an adapter is off": given(
            y, A, V, softmax(np.where(on, s, low))
        )
        for low in (-100.0, -1000.0)
    }
    compare(
        student.fusion(y, A, eye, eye, V, on),
        want=want,
        mistakes=finite
        | {
            "`on` is ignored": given(y, A, V, softmax(s)),
            "a score of 0, not −∞, where an adapter is off": given(
                y, A, V, softmax(s * on)
            ),
        },
        tol=1e-9,
        equation="(14.7)",
    )


@pytest.mark.draws((5, 0.03), (3, 0.4), (1, 2.5), (8, 0.007))
def test_penalty(student, rng, draw):
    """strength·‖V − I‖², the squared Frobenius norm."""
    d, strength = draw
    V = np.eye(d) + 0.5 * rng.normal(size=(d, d)) - 0.1
    off = V - np.eye(d)
    want = strength * np.trace(off.T @ off)
    known = {
        "the penalty pulls V to 0": strength * np.trace(V.T @ V),
        "the penalty is a mean": strength * np.mean(off**2),
        "the penalty is divided by d": want / d,
        "the penalty has no square": strength * np.linalg.norm(off),
        "the penalty has a ½": want / 2,
        "the strength is squared": want * strength,
        "the strength is left out": want / strength,
        "absolute values instead of squares": strength * np.sum(np.abs(off)),
        "the largest singular value, not the Frobenius norm": (
            strength * np.linalg.norm(off, 2) ** 2
        ),
        "1 was subtracted from every entry of V": strength * np.sum((V - 1) ** 2),
    }
    compare(
        student.value_penalty(V, strength),
        want=want,
        mistakes={k: v for k, v in known.items() if not np.isclose(v, want, 1e-6)},
        tol=TOL,
        equation="(14.9)",
    )
