"""Grader of skipgram_gradients. The reference has complex-step gradients: 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(6, 4, 5, 3), (5, 3, 4, 4), (7, 2, 6, 2)]  # n, d, B, k


def problem(rng, n, d, B, k):
    """Negatives that repeat, one that is its context, words that several pairs use."""
    V, U = rng.normal(size=(2, n, d))
    centres, contexts = rng.integers(0, n - 1, (2, B))
    centres[1], contexts[1] = centres[0], (contexts[0] + 1) % n
    noise = rng.integers(0, n, (B, k))
    noise[0, :2] = (contexts[0] + 2) % n
    noise[1, 0] = contexts[1]
    noise[2:, 0] = contexts[0]  # a context of one pair, a negative of the others
    return V, U, centres, contexts, noise


def terms(V, U, given, keep=False, whole=False, sign=-1.0, near=True, far=1.0):
    """What (20.4) sums, pair by pair; the keywords are the mistakes."""
    _, _, centres, contexts, noise = given
    for w, c, drawn in zip(centres, contexts, noise):
        if whole and (drawn == c).any():
            continue
        used = drawn if keep else drawn[drawn != c]
        yield np.log(1 + np.exp(-V[w] @ U[c])) if near else 0.0
        for j in used:
            yield far * np.log(1 + np.exp(-sign * (V[w] @ U[j])))


def loss(V, U, given, **how):
    return sum(terms(V, U, given, **how)) / len(given[2])


def slope(f, at, h=1e-30):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def answer(given, **how):
    V, U = given[:2]
    gV = slope(lambda x: loss(x, U, given, **how), V)
    return loss(V, U, given, **how), gV, slope(lambda x: loss(V, x, given, **how), U)


def assigned(given):
    """gV[rows] += ... with NumPy's fancy indexing: of repeated rows the last one wins."""
    V, U, centres, contexts, noise = given
    gV, gU = np.zeros(V.shape), np.zeros(U.shape)
    counts = np.c_[np.ones(len(centres)), noise != contexts[:, None]] / len(centres)
    ids = np.c_[contexts, noise]
    score = np.einsum("bd,bjd->bj", V[centres], U[ids])
    error = counts * (1 / (1 + np.exp(-score)) - (np.arange(ids.shape[1]) == 0))
    gV[centres] += np.einsum("bj,bjd->bd", error, U[ids])
    gU[ids] += error[:, :, None] * V[centres][:, None]
    return loss(V, U, given), gV, gU


def mistakes(given):
    *_, contexts, noise = given
    value, gV, gU = right = answer(given)
    B, k = noise.shape
    distinct = [*given[:-1], deduplicated(noise, contexts)]
    no_far = answer(given, far=0.0)
    return {
        "a repeated negative counts once": answer(distinct),
        "of repeated rows only the last is added": assigned(given),
        "a negative that is the context is kept": answer(given, keep=True),
        "a pair with such a negative is left out as a whole": answer(given, whole=True),
        "the sum over pairs is not divided by B": tuple(B * x for x in right),
        "divided by all B(k + 1) terms": tuple(x / (k + 1) for x in right),
        "the negatives are averaged over k": answer(given, far=1 / k),
        "the negatives pull like positives": answer(given, sign=1.0),
        "the context is left out": answer(given, near=False),
        "the negatives are left out": no_far,
        "the centre gets nothing from the negatives": (value, no_far[1], gU),
        "the gradients point downhill": (value, -gV, -gU),
        "the loss has the wrong sign": (-value, gV, gU),
        "the two gradients are exchanged": (value, gU, gV),
        "σ(s) instead of σ(s) − 1 for the context": (value, *shifted(given)),
    }


def deduplicated(noise, contexts):
    """Each negative once in its row; the others become the context, which is left out."""
    rows = noise.copy()
    for row, c in zip(rows, contexts):
        for j in range(1, len(row)):
            if row[j] in row[:j]:
                row[j] = c
    return rows


def shifted(given):
    """Gradients with 1/B too much on the context's score."""
    V, U, centres, contexts, _ = given
    _, gV, gU = answer(given)
    for w, c in zip(centres, contexts):
        gV[w] += U[c] / len(centres)
        gU[c] += V[w] / len(centres)
    return gV, gU


def judge(student, given, part):
    known = {name: got[part] for name, got in mistakes(given).items()}
    compare(
        student.skipgram_gradients(*given)[part],
        want=answer(given)[part],
        mistakes=known,
        tol=TOL,
        equation="(20.4)",
    )


@pytest.mark.draws(*SIZES)
def test_loss(student, rng, draw):
    """The loss of a batch."""
    judge(student, problem(rng, *draw), slice(0, 1))


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_gradients(student, rng, draw):
    """The gradients of both tables."""
    judge(student, problem(rng, *draw), slice(1, 3))


@pytest.mark.draws((5, 3, 4, 2), (4, 2, 5, 3))
def test_large_scores(student, rng, draw):
    """Scores of hundreds: exp overflows, the loss does not."""
    V, U, *ids = problem(rng, *draw)
    given = 30 * V, 30 * U, *ids
    want = steep(given)
    compare(
        student.skipgram_gradients(*given),
        want=want,
        mistakes={},
        tol=TOL,
        equation="(20.4)",
    )


def steep(given):
    """The same by loops, with ln(1 + e^s) as max(s, 0) + ln(1 + e^−|s|)."""
    V, U, centres, contexts, noise = given
    value, gV, gU, B = 0.0, np.zeros(V.shape), np.zeros(U.shape), len(centres)
    for w, c, drawn in zip(centres, contexts, noise):
        for word, sign in [(c, 1.0), *((j, -1.0) for j in drawn if j != c)]:
            s = -sign * (V[w] @ U[word])
            value += max(s, 0.0) + np.log1p(np.exp(-abs(s)))
            p = 1 / (1 + np.exp(-s)) if s > 0 else np.exp(s) / (1 + np.exp(s))
            gV[w] -= sign * p * U[word]
            gU[word] -= sign * p * V[w]
    return value / B, gV / B, gU / B
