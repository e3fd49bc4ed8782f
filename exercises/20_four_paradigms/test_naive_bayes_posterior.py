"""Grader of naive_bayes_posterior. The reference adds `math.log` word by word: 1e-14."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(7, 4, 6, 2), (11, 3, 8, 3), (9, 6, 5, 4)]  # n, m, V', K


def problem(rng, n, m, V, K):
    """Classes of unequal size; word 1 is in no labelled text, word 0 in one class only."""
    labels = np.sort(np.r_[np.arange(K), rng.integers(0, max(1, K - 1), n - K)])
    rates = rng.uniform(0.3, 2.5, (K, V))
    counts = rng.poisson(rates[labels])
    counts[:, 2] += 1
    counts[labels != 0, 0], counts[labels == 0, 0] = 0, 2
    counts[:, 1], counts[:, 3] = 0, 0
    counts[rng.integers(n), 3] = 1  # known, by one occurrence
    order = rng.permutation(n)
    new = rng.poisson(1.1, (m, V))
    new[:, :2] += 1
    return counts[order], labels[order], float(rng.uniform(0.3, 2.0)), new


def answer(counts, labels, alpha, new, **how):
    """Log posteriors (m, K); the keywords are the mistakes, at their defaults none."""
    n, V = counts.shape
    read = how.get("read", lambda row: row)
    known = [v for v in range(V) if how.get("unseen") or counts[:, v].any()]
    N, size = table(read(counts), labels, known, **how), how.get("V", len(known))
    theta = [[(n + alpha) / (sum(row) + alpha * size) for n in row] for row in N]
    prior = how.get("prior", lambda c: sum(labels == c) / n)
    return np.array([posterior(read(row), known, theta, prior, **how) for row in new])


def table(counts, labels, known, each=None, **_):
    """[class][word]: how often."""
    classes = range(max(labels) + 1)
    each = each or (lambda column: float(sum(column)))
    return [[each(counts[labels == c, v]) for v in known] for c in classes]


def posterior(row, known, theta, share, final=None, **_):
    x = [float(row[v]) for v in known]
    score = [
        math.log(share(c)) + sum(n * math.log(p) for n, p in zip(x, row_of))
        for c, row_of in enumerate(theta)
    ]
    if final is not None:
        return final(score)
    top = max(score)
    total = top + math.log(sum(math.exp(s - top) for s in score))
    return [s - total for s in score]


def mistakes(*given):
    counts, labels, alpha, new = given
    K, right = max(labels) + 1, answer(*given)
    words = [sum(counts[labels == c].sum(1)) / counts.sum() for c in range(K)]
    return {
        "the prior is missing": answer(*given, prior=lambda c: 1 / K),
        "the prior counts words instead of texts": answer(*given, prior=words.__getitem__),
        "the prior is smoothed with α too": answer(
            *given, prior=lambda c: (sum(labels == c) + alpha) / (len(labels) + K * alpha)
        ),
        "the denominator has α instead of αV": answer(*given, V=1),
        "the denominator has αK instead of αV": answer(*given, V=K),
        "unknown words count in V": answer(*given, V=counts.shape[1]),
        "unknown words are read as if they were known": answer(*given, unseen=True),
        "α is always 1": answer(counts, labels, 1.0, new),
        "every word counts once in a text": answer(
            *given, read=lambda x: np.minimum(x, 1)
        ),
        "N counts texts that hold the word": answer(
            *given, each=lambda column: float(sum(column > 0))
        ),
        "N is the mean over the texts of the class": answer(
            *given, each=lambda column: float(np.mean(column))
        ),
        "the scores are not normalised": answer(*given, final=lambda s: s),
        "probabilities instead of logarithms": np.exp(right),
        "only the largest score is subtracted": answer(
            *given, final=lambda s: [x - max(s) for x in s]
        ),
        "normalised over the texts instead of the classes": over_texts(given),
        "the classes are in reverse order": right[:, ::-1],
        "the answer is transposed": right.T,
    }


def over_texts(given):
    score = answer(*given, final=lambda s: s)
    top = score.max(0)
    return score - top - np.log(np.exp(score - top).sum(0))


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_posteriors(student, rng, draw):
    """The log posteriors, with the prior and without unknown words."""
    given = problem(rng, *draw)
    compare(
        student.naive_bayes_posterior(*given),
        want=answer(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(20.1)",
    )


@pytest.mark.draws((6, 3, 5, 2), (8, 2, 6, 3))
def test_nothing_known(student, rng, draw):
    """A text of unknown words has the prior."""
    counts, labels, alpha, new = problem(rng, *draw)
    new[0] = [0, 4] + [0] * (draw[2] - 2)
    given = counts, labels, alpha, new
    compare(
        student.naive_bayes_posterior(*given),
        want=answer(*given),
        mistakes={
            "the prior is missing": answer(*given, prior=lambda c: 1 / draw[3]),
            "unknown words are read as if they were known": answer(*given, unseen=True),
        },
        tol=TOL,
        equation="(20.1)",
    )


@pytest.mark.draws((6, 3, 5, 2), (8, 2, 6, 3))
def test_long_texts(student, rng, draw):
    """Thousands of words: the product of their probabilities underflows."""
    counts, labels, alpha, new = problem(rng, *draw)
    given = counts, labels, alpha, new * 1000
    compare(
        student.naive_bayes_posterior(*given),
        want=answer(*given),
        mistakes={},
        tol=TOL,
        equation="(20.1)",
    )
