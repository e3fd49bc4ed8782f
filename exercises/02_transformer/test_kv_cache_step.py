"""Grader of kv_cache_step. All bounds: a few dozen terms of order 1 round to 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
DRAWS = (2, 4, 6), (3, 2, 5), (1, 5, 4), (4, 3, 7)  # heads, their width, tokens
OVERFLOW = "exp overflows or underflows: subtract each head's largest score first"


def problem(rng, H, D, N):
    """A text, one row per token, and the weights."""
    C = H * D
    weights = {n: rng.normal(size=(C, C)) / np.sqrt(C) for n in "qkvo"}
    return 2.0 * rng.normal(size=(N, C)), weights, H


def cut(a, H):
    """(n, C) to (H, n, d), head by head."""
    D = a.shape[1] // H
    return np.stack([a[:, h * D : h * D + D] for h in range(H)])


def across(a, H):
    """The heads take every H-th feature: reshape (d, H) instead of (H, d)."""
    return np.stack([a[:, h::H] for h in range(H)])


def project(X, weights, H):
    """q, k, v of a whole text, each (H, n, d)."""
    return [cut(X @ weights[n].T, H) for n in "qkv"]


def whole(X, weights, H):
    """All rows of causal attention at once, with the mask written out: (n, C)."""
    q, k, v = project(X, weights, H)
    look = np.tri(len(X), dtype=bool)
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(look, scores, -np.inf)
    P = np.exp(scores - np.logaddexp.reduce(scores, axis=2, keepdims=True))
    rows = np.einsum("hts,hsd->thd", P, v).reshape(X.shape)
    return rows @ weights["o"].T


# --- steps that are wrong: (x, weights, (K, V), heads) to (y, (K', V')) ---------------


def append(cache, k, v):
    return tuple(np.concatenate([old, new], 1) for old, new in zip(cache, (k, v)))


def step(
    split=cut,
    turned="",
    order=append,
    look=lambda K, V: (K, V),
    scale=lambda H, D, n: D**-0.5,
    softmax=lambda s: np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True)),
    stored=lambda new, old: new,
    output=lambda o, seen: o @ seen,
):
    """A step with some of its parts replaced."""

    def rule(x, weights, cache, H):
        used = weights | {n: weights[n].T for n in turned}
        q, k, v = (split(x[None] @ used[n].T, H) for n in "qkv")
        K, V = new = order(cache, k, v)
        K, V = look(K, V)
        n = min(K.shape[1], V.shape[1])
        scores = np.einsum("htd,hsd->hs", q, K[:, :n]) * scale(H, q.shape[-1], n)
        seen = np.einsum("hs,hsd->hd", softmax(scores), V[:, :n])
        return output(used["o"], seen.reshape(-1)), stored(new, cache)

    return rule


RULES = {
    "the new token does not see itself": step(look=lambda K, V: (K[:, :-1], V[:, :-1])),
    "the new token sees only itself": step(look=lambda K, V: (K[:, -1:], V[:, -1:])),
    "the scale is missing": step(scale=lambda H, D, n: 1.0),
    "1/√C instead of 1/√d": step(scale=lambda H, D, n: (H * D) ** -0.5),
    "1/d instead of 1/√d": step(scale=lambda H, D, n: 1 / D),
    "1/√(t + 1): the number of tokens in the scale": step(
        scale=lambda H, D, n: n**-0.5
    ),
    "√d multiplies instead of dividing": step(scale=lambda H, D, n: D**0.5),
    "x W instead of W x: the weights are transposed": step(turned="qkv"),
    "Wo is transposed": step(turned="o"),
    "the output projection is missing": step(output=lambda o, seen: seen),
    "one softmax for all heads together": step(
        softmax=lambda s: np.exp(s - np.logaddexp.reduce(s, axis=None))
    ),
    "the softmax runs over the heads": step(
        softmax=lambda s: np.exp(s - np.logaddexp.reduce(s, axis=0, keepdims=True))
    ),
    "the weights are not normalised": step(softmax=np.exp),
    "heads are cut across: reshape (d, H)": step(split=across),
    "keys and values of the cache are swapped": step(
        order=lambda cache, k, v: append(cache[::-1], k, v)
    ),
    "the values are returned first": step(stored=lambda new, old: new[::-1]),
    "the keys are stored as values": step(
        order=lambda cache, k, v: append(cache, k, k)
    ),
    "key and value of the new token are swapped": step(
        order=lambda cache, k, v: append(cache, v, k)
    ),
    "the old cache is returned: the new token is lost": step(
        stored=lambda new, old: old
    ),
    "only the new token is returned, not the cache before it": step(
        stored=lambda new, old: (new[0][:, -1:], new[1][:, -1:])
    ),
    "the oldest token is dropped": step(
        stored=lambda new, old: (new[0][:, 1:], new[1][:, 1:])
    ),
    "the new token stands before the cached ones": step(
        order=lambda cache, k, v: append((k, v), *cache)
    ),
}


def known(want, made):
    """{mistake: made(rule)}, of those that differ from the right answer here."""

    def same(a, b):
        if isinstance(b, tuple):
            return all(map(same, a, b))
        return a.shape == b.shape and np.allclose(a, b, 1e-6)

    with np.errstate(all="ignore"):  # no token to see
        found = {said: made(rule) for said, rule in RULES.items()}
    return {said: value for said, value in found.items() if not same(value, want)}


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_one_step(student, rng, draw):
    """One step is the last row of the full causal pass."""
    X, weights, H = problem(rng, *draw)
    given = X[-1], weights, tuple(project(X[:-1], weights, H)[1:]), H
    want = whole(X, weights, H)[-1]
    compare(
        student.kv_cache_step(*given)[0],
        want=want,
        mistakes=known(want, lambda rule: rule(*given)[0]),
        tol=TOL,
        equation="(2.18)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_the_longer_cache(student, rng, draw):
    """The cache grows by the new token's key and value, at the end."""
    X, weights, H = problem(rng, *draw)
    given = X[-1], weights, tuple(project(X[:-1], weights, H)[1:]), H
    want = tuple(project(X, weights, H)[1:])
    compare(
        student.kv_cache_step(*given)[1],
        want=want,
        mistakes=known(want, lambda rule: rule(*given)[1]),
        tol=TOL,
        equation="(2.18)",
    )


@pytest.mark.draws(*DRAWS[:3])
def test_large_scores(student, rng, draw):
    """Scores in the thousands, of both signs: finite, and right."""
    X, weights, H = problem(rng, *draw)
    large = weights | {n: 60.0 * weights[n] for n in "qk"}
    given = X[-1], large, tuple(project(X[:-1], large, H)[1:]), H
    want = whole(X, large, H)[-1]

    def raw(s):
        return np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)

    with np.errstate(all="ignore"):
        y = student.kv_cache_step(*given)[0]
        overflowed = step(softmax=raw)(*given)[0]
        joint = step(softmax=lambda s: raw(s - s.max()))(*given)[0]
    mistakes = known(want, lambda rule: rule(*given)[0])
    for value in (overflowed, joint):
        if not np.isfinite(value).all():
            mistakes.setdefault(OVERFLOW, value)
    compare(y, want=want, mistakes=mistakes, tol=1e-6, equation="(2.18)")
    # scores of 1e4 carry 1e-12 of rounding into the exponent


@pytest.mark.draws((2, 4), (3, 5), (1, 2))
def test_first_token(student, rng, draw):
    """From an empty cache: the token sees itself alone, so y = Wo Wv x."""
    H, D = draw
    X, weights, _ = problem(rng, H, D, 1)
    given = X[0], weights, (np.zeros((H, 0, D)), np.zeros((H, 0, D))), H
    want = weights["o"] @ weights["v"] @ X[0], tuple(project(X, weights, H)[1:])
    for i, got in enumerate(student.kv_cache_step(*given)):
        compare(
            got,
            want=want[i],
            mistakes=known(want[i], lambda rule, i=i: rule(*given)[i]),
            tol=TOL,
            equation="(2.18)",
        )


@pytest.mark.draws((2, 4, 6), (3, 2, 5))
def test_a_whole_text(student, rng, draw):
    """Token after token, from nothing, equals the full pass in every row."""
    H, D, N = draw
    X, weights, _ = problem(rng, *draw)

    def walk(rule):
        cache, rows = (np.zeros((H, 0, D)), np.zeros((H, 0, D))), []
        for x in X:
            y, cache = rule(x, weights, cache, H)
            rows.append(y)
        return np.array(rows)

    def asked(*given):
        y, cache = student.kv_cache_step(*given)
        shape = (H, None, D)
        return take(y, y=(H * D,)), take(cache, K=shape, V=shape)

    want = whole(X, weights, H)
    compare(
        walk(asked),
        want=want,
        mistakes=known(want, walk),
        tol=TOL,
        equation="(2.18)",
        called=f"kv_cache_step for each of {N} tokens",
    )
