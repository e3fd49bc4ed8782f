"""Grader of kv_cache_step. All bounds: a few dozen terms of order 1 round to 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
H, D, N = 2, 4, 6  # heads, their width, tokens of the text
C = H * D


def problem(seed):
    rng = np.random.default_rng(seed)
    weights = {n: rng.normal(size=(C, C)) / np.sqrt(C) for n in "qkvo"}
    return 2.0 * rng.normal(size=(N, C)), weights


def project(X, weights):
    """q, k, v of a whole text, each (H, n, d)."""
    return [
        np.stack([X @ weights[n][h * D : h * D + D].T for h in range(H)]) for n in "qkv"
    ]


def whole(X, weights, scale=D**-0.5, seen=lambda t, s: s <= t, joint=False):
    """All rows of causal attention at once, with the mask written out: (n, C)."""
    q, k, v = project(X, weights)
    look = np.array([[seen(t, s) for s in range(len(X))] for t in range(len(X))])
    scores = np.where(look, scale * np.einsum("htd,hsd->hts", q, k), -np.inf)
    axes = (0, 2) if joint else 2
    P = np.exp(scores - np.logaddexp.reduce(scores, axis=axes, keepdims=True))
    rows = np.einsum("hts,hsd->thd", P, v).reshape(len(X), C)
    return rows @ weights["o"].T


def cached(X, weights):
    _, k, v = project(X, weights)
    return k, v


def cut_across(X, weights):
    """The heads take every H-th feature: reshape (d, H) instead of (H, d)."""
    order = np.arange(C).reshape(D, H).T.reshape(-1)
    other = {n: weights[n][order] for n in "qkv"} | {"o": weights["o"]}
    return whole(X, other), cached(X, other)


def last_step(student, X, weights):
    """The step of the last token, from a cache of those before it."""
    K, V = cached(X[:-1], weights)
    got = student.kv_cache_step(X[-1], weights, (K, V), H)
    if not (isinstance(got, tuple) and len(got) == 2):
        fail("the step returns two things", "y and the pair (K', V')", "(2.18)")
    return got


@pytest.mark.points(3)
def test_one_step(student, seed):
    """One step is the last row of the full causal pass."""
    X, weights = problem(seed)
    turned = {n: w.T for n, w in weights.items()} | {"o": weights["o"]}
    K, V = cached(X[:-1], weights)
    q, k, v = (a[:, -1:] for a in project(X, weights))
    swapped = np.concatenate([V, k], 1), np.concatenate([K, v], 1)

    def attend(K, V):
        scores = (q @ K.swapaxes(1, 2))[:, 0] / np.sqrt(D)
        P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return weights["o"] @ np.einsum("hs,hsd->hd", P, V).reshape(C)

    compare(
        last_step(student, X, weights)[0],
        want=whole(X, weights)[-1],
        mistakes={
            "the new token does not see itself": attend(K, V),
            "the new token sees only itself": attend(k, v),
            "the scale is missing": whole(X, weights, scale=1.0)[-1],
            "1/√C instead of 1/√d": whole(X, weights, scale=C**-0.5)[-1],
            "x W instead of W x: the weights are transposed": lambda: mixed(
                X, weights, turned
            ),
            "the output projection is missing": np.linalg.solve(
                weights["o"], whole(X, weights)[-1]
            ),
            "one softmax for all heads together": whole(X, weights, joint=True)[-1],
            "heads are cut across: reshape (d, H)": lambda: across(X, weights),
            "keys and values of the cache are swapped": attend(*swapped),
            "the keys are stored as values": attend(
                np.concatenate([K, k], 1), np.concatenate([V, k], 1)
            ),
        },
        tol=TOL,
        equation="(2.18)",
    )


def mixed(X, weights, wrong):
    """The last step with wrong projections of the new token, from a right cache."""
    K, V = cached(X[:-1], weights)
    q, k, v = (a[:, -1:] for a in project(X, wrong))
    K, V = np.concatenate([K, k], 1), np.concatenate([V, v], 1)
    scores = np.einsum("htd,hsd->hs", q, K) / np.sqrt(D)
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return weights["o"] @ np.einsum("hs,hsd->hd", P, V).reshape(C)


def across(X, weights):
    order = np.arange(C).reshape(D, H).T.reshape(-1)
    return mixed(X, weights, {n: weights[n][order] for n in "qkv"})


@pytest.mark.points(2)
def test_the_longer_cache(student, seed):
    """The cache grows by the new token's key and value, at the end."""
    X, weights = problem(seed)
    (K, V), (_, k, v) = cached(X[:-1], weights), project(X[-1:], weights)
    K_, V_ = cached(X, weights)
    compare(
        last_step(student, X, weights)[1],
        want=(K_, V_),
        mistakes={
            "the old cache is returned: the new token is lost": (K, V),
            "the new token stands before the cached ones": (
                np.concatenate([k, K], 1),
                np.concatenate([v, V], 1),
            ),
            "keys and values of the cache are swapped": (
                np.concatenate([V, k], 1),
                np.concatenate([K, v], 1),
            ),
            "the values are returned first": (V_, K_),
            "the keys are stored as values": (K_, np.concatenate([V, k], 1)),
        },
        tol=TOL,
        equation="(2.18)",
    )


def test_large_scores(student, seed):
    """Scores in the thousands, of both signs: finite, and right."""
    X, weights = problem(seed)
    weights = weights | {n: 60.0 * weights[n] for n in "qk"}
    with np.errstate(all="ignore"):
        y, _ = last_step(student, X, weights)
    if not np.isfinite(y).all():
        fail(
            "exp overflows or underflows: subtract each head's largest score first",
            "softmax(s) = softmax(s − max s), and each head has its own",
            equation="(2.18)",
        )
    # scores of 1e4 carry 1e-12 of rounding into the exponent
    compare(y, want=whole(X, weights)[-1], tol=1e-6, equation="(2.18)")


def test_first_token(student, seed):
    """From an empty cache: the token sees itself alone, so y = Wo Wv x."""
    X, weights = problem(seed)
    empty = np.zeros((H, 0, D)), np.zeros((H, 0, D))
    y, (K, V) = student.kv_cache_step(X[0], weights, empty, H)
    compare(
        y,
        want=weights["o"] @ weights["v"] @ X[0],
        mistakes={
            "one softmax for all heads together": whole(X[:1], weights, joint=True)[0],
            "x W instead of W x: the weights are transposed": (
                weights["o"] @ (X[0] @ weights["v"])
            ),
            "the output projection is missing": weights["v"] @ X[0],
        },
        tol=TOL,
        equation="(2.18)",
    )
    compare((K, V), want=cached(X[:1], weights), tol=TOL, equation="(2.18)")


def test_a_whole_text(student, seed):
    """Token after token, from nothing, equals the full pass in every row."""
    X, weights = problem(seed)
    cache, rows = (np.zeros((H, 0, D)), np.zeros((H, 0, D))), []
    for x in X:
        y, cache = student.kv_cache_step(x, weights, cache, H)
        rows.append(y)
    compare(
        np.array(rows),
        want=whole(X, weights),
        mistakes={
            "the scale is missing": whole(X, weights, scale=1.0),
            "1/√C instead of 1/√d": whole(X, weights, scale=C**-0.5),
            "the old cache is returned: the new token is lost": whole(
                X, weights, seen=lambda t, s: s == t
            ),
        },
        tol=TOL,
        equation="(2.18)",
        called=f"kv_cache_step for each of {N} tokens",
    )
