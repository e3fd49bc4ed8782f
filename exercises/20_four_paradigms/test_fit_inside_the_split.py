"""Grader of fit_inside_the_split. Sums of 30 logarithms, 1e-13; another route below."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(18, 3, 7, 2, 4), (21, 4, 8, 3, 5), (16, 2, 9, 2, 3)]  # n, folds, V', K, m
ALPHAS = np.array([0.3, 4.0, 0.05, 1.0])


def problem(rng, n, folds, V, K, m):
    """Word 2 is in texts of fold 0 alone; word 0 in every text; folds of unequal size."""
    labels = np.r_[np.tile(np.arange(K), 2), rng.integers(0, K, n - 2 * K)]
    fold = np.r_[np.zeros(K, int), np.ones(K, int), rng.integers(0, folds, n - 2 * K)]
    rates = 0.5 + rng.uniform(0, 0.6, (K, V))
    counts = rng.poisson(rates[labels])
    counts[:, 0] += 1
    counts[:, 2] = np.where(fold == 0, 1 + counts[:, 2], 0)
    new = rng.poisson(rates[rng.integers(0, K, m)])
    new[:, 0] += 1
    new[:, 2] += 2
    order = rng.permutation(n)
    return counts[order], labels[order], fold[order], ALPHAS, new


def classify(fit, labels, alpha, rows, K, idf_of=None, words_of=None, **how):
    """Log posteriors of rows; the keywords are the mistakes, at their defaults none.

    Zeros for unknown words change no product, so V is all that has to know them.
    """
    seen = fit if words_of is None else words_of
    V = int((seen.sum(0) > 0).sum())
    idf = factors(fit if idf_of is None else idf_of, **how) * (seen.sum(0) > 0)
    x, z = weighed(fit, idf, **how), weighed(rows, idf, **how)
    score = np.empty((len(rows), K))
    for c in range(K):
        N = x[labels == c].sum(0)
        theta = np.log((N + alpha) / (N.sum() + alpha * how.get("V", V)))
        prior = 1 / K if how.get("even") else np.mean(labels == c)
        score[:, c] = [math.log(prior) + sum(row * theta) for row in z]
    return score - np.logaddexp.reduce(score, axis=1, keepdims=True)


def factors(texts, textbook=False, none=False, **_):
    N, df = len(texts), (texts > 0).sum(0)
    if none:
        return np.ones(len(df))
    return np.log(N / np.maximum(df, 1)) if textbook else np.log((1 + N) / (1 + df)) + 1


def weighed(rows, idf, norm=True, **_):
    rows = rows * idf
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1) if norm else rows


def held_out(given, alpha, leak=None, whole=False, **how):
    """Log posteriors (n, K), each text's from the model of its fold.

    leak: which texts the idf of a fold comes from; whole: the fold is fitted too.
    """
    counts, labels, fold, _, _ = given
    K = labels.max() + 1
    held = np.empty((len(labels), K))
    for k in np.unique(fold):
        out = fold == k
        fit = (fold != k) | whole
        if leak:
            how["idf_of"] = leak(counts, out)
        held[out] = classify(counts[fit], labels[fit], alpha, counts[out], K, **how)
    return held


def answer(given, pick=None, mean=np.mean, last=None, at=None, **how):
    counts, labels, _, alphas, new = given
    every = [held_out(given, alpha, **how) for alpha in alphas]
    accuracies = np.array([mean(held.argmax(1) == labels) for held in every])
    order = pick or (lambda i: (accuracies[i], alphas[i]))
    best = max(range(len(alphas)), key=order) if at is None else at
    how = {k: v for k, v in how.items() if k not in ("leak", "whole", "words_of")}
    last = last or (lambda *rest: classify(*rest, labels.max() + 1, **how))
    scores = last(counts, labels, alphas[best], new)
    return alphas[best], accuracies, every[best], scores


def mistakes(given):
    counts, labels, fold, alphas, new = given
    K, right = labels.max() + 1, answer(given)
    best, accuracies, held, scores = right
    each = [fold == k for k in np.unique(fold)]
    seen = counts[:, counts.sum(0) > 0].shape[1]
    rest = fold != fold.max()
    both = np.r_[counts, new]
    return {
        "the idf of a fold comes from all texts": answer(given, leak=lambda c, out: c),
        "the idf comes from the texts to be classified": answer(
            given,
            leak=lambda c, out: c[out],
            last=lambda c, y, a, z: classify(c, y, a, z, K, idf_of=new),
        ),
        "the fold is among the fitted texts": answer(given, whole=True),
        "words of the fold are known to its model": answer(given, words_of=counts),
        "the last model's idf comes from the new texts too": answer(
            given,
            last=lambda c, y, a, z: classify(c, y, a, z, K, idf_of=both),
        ),
        "the new texts are classified by the model of the last fold": answer(
            given,
            last=lambda c, y, a, z: classify(c[rest], y[rest], a, z, K),
        ),
        "of equally good α the smallest": answer(
            given, lambda i: (accuracies[i], -alphas[i])
        ),
        "the worst α is chosen": answer(given, lambda i: (-accuracies[i], alphas[i])),
        "the last α is taken": answer(given, at=len(alphas) - 1),
        "α is chosen on the fitted texts": answer(
            given, lambda i: (fitted(given, alphas[i]), alphas[i])
        ),
        "the mean over folds instead of texts": answer(
            given, mean=lambda hit: np.mean([hit[rows].mean() for rows in each])
        ),
        "errors instead of accuracies": (best, 1 - accuracies, held, scores),
        "the accuracies are sorted": (best, np.sort(accuracies), held, scores),
        "the held-out rows stand fold after fold": (
            best,
            accuracies,
            np.concatenate([held[rows] for rows in each]),
            scores,
        ),
        "the denominator has α instead of αV": answer(given, V=1),
        "V counts all columns": answer(given, V=counts.shape[1]),
        "the prior is uniform": answer(given, even=True),
        "the rows are not normalised": answer(given, norm=False),
        "there is no idf": answer(given, none=True),
        "the textbook's idf": answer(given, textbook=True),
        "V counts the words of all texts": answer(given, V=seen),
    }


def fitted(given, alpha):
    """Accuracy on the texts that were fitted."""
    counts, labels = given[:2]
    score = classify(counts, labels, alpha, counts, labels.max() + 1)
    return np.mean(score.argmax(1) == labels)


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_choice(student, rng, draw):
    """The α, all accuracies, the held-out posteriors and those of the new texts."""
    given = problem(rng, *draw)
    compare(
        student.fit_inside_the_split(*given),
        want=answer(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(20.3)",
    )


@pytest.mark.draws((12, 3, 6, 2, 4), (14, 2, 7, 3, 3))
def test_ties(student, rng, draw):
    """Words that settle everything: every α is right, so the largest is taken."""
    counts, labels, fold, alphas, new = problem(rng, *draw)
    counts = counts.copy()
    counts[:, 3 : 3 + draw[3]] = 30 * np.eye(draw[3], dtype=int)[labels]
    given = counts, labels, fold, alphas, new
    want = answer(given)
    smallest = answer(given, lambda i: (want[1][i], -alphas[i]))
    compare(
        student.fit_inside_the_split(*given),
        want=want,
        mistakes={"of equally good α the smallest": smallest},
        tol=TOL,
        equation="(20.3)",
    )
