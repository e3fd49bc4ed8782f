"""Grader of choose_penalty. Bounds: one solve of condition below 1e4, 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(16, 3, 3, 2), (18, 4, 4, 3), (24, 5, 4, 5)]  # N, folds, d, K
GRID = np.array([0.3, 0.003, 30.0, 0.03, 3.0])


def problem(rng, N, folds, d, K):
    """Classes and folds of unequal size; every class has rows in two folds or more."""
    share = np.arange(1, K + 1) / (K * (K + 1) / 2)
    y = np.r_[np.arange(K), np.arange(K), rng.choice(K, N - 2 * K, p=share)]
    fold = np.r_[np.zeros(K, int), np.ones(K, int), rng.integers(0, folds, N - 2 * K)]
    order, centers = rng.permutation(N), 1.1 * rng.normal(size=(K, d))
    X = 2 + centers[y] + 0.5 * fold[:, None] + rng.normal(size=(N, d))
    return X[order], y[order], fold[order], GRID


def scored(X, Y, new, pull, center=0.0, free=True, bias=1.0):
    """Scores of new rows through the normal equations with a column of ones."""
    A, V = np.c_[X, np.ones(len(X))], np.c_[new - center, np.ones(len(new))]
    weights = pull * np.diag(np.r_[np.ones(X.shape[1]), float(not free)])
    theta = np.linalg.solve(A.T @ A + weights, A.T @ Y)
    theta[-1] *= bias
    return V @ theta


def held_out(given, penalty, factor=2.0, n=None, seen=False, moved=False, **how):
    """Each row's scores (N, K); the keywords are the mistakes, at their defaults none."""
    X, y, fold, _ = given
    Y, scores = np.eye(y.max() + 1)[y], np.empty((len(y), y.max() + 1))
    for k in np.unique(fold):
        new, fit = fold == k, (fold != k) | seen
        pull = factor * penalty * (fit.sum() if n is None else n)
        center = X[new].mean(0) - X[fit].mean(0) if moved else 0.0
        scores[new] = scored(X[fit], Y[fit], X[new], pull, center, **how)
    return scores


def answer(given, pick=None, mean=np.mean, **how):
    y, penalties = given[1], given[3]
    scores = [held_out(given, p, **how) for p in penalties]
    accuracies = np.array([mean(s.argmax(1) == y) for s in scores])
    order = pick or (lambda i: (accuracies[i], -penalties[i]))
    best = max(range(len(penalties)), key=order)
    return penalties[best], accuracies, scores[best]


def mistakes(given):
    _, y, fold, penalties = given
    best, accuracies, scores = right = answer(given)
    training = fitted_accuracies(given)
    each = [fold == k for k in np.unique(fold)]
    by_fold = np.concatenate([scores[rows] for rows in each])
    return {
        "c = nλ instead of 2nλ": answer(given, factor=1.0),
        "c = 2λ: the n is missing": answer(given, n=1),
        "c = λ, without 2n": answer(given, factor=1.0, n=1),
        "n counts the rows of the fold too": answer(given, n=len(y)),
        "the penalty is left out": answer(given, factor=0.0),
        "the bias is penalised too": answer(given, free=False),
        "the bias is missing": answer(given, bias=0.0),
        "the fold is among the fitted rows": answer(given, seen=True),
        "the features of the fold are centred with their own mean": answer(
            given, moved=True
        ),
        "of equally good penalties the largest": answer(
            given, lambda i: (accuracies[i], penalties[i])
        ),
        "the worst penalty is chosen": answer(
            given, lambda i: (-accuracies[i], penalties[i])
        ),
        "the penalty is chosen on the fitted rows": answer(
            given, lambda i: (training[i], -penalties[i])
        ),
        "the mean over folds instead of rows": answer(
            given, mean=lambda hit: np.mean([hit[rows].mean() for rows in each])
        ),
        "errors instead of accuracies": (best, 1 - accuracies, scores),
        "counts instead of shares": (best, len(y) * accuracies, scores),
        "the scores of the last penalty": (
            best,
            accuracies,
            held_out(given, penalties[-1]),
        ),
        "the scores stand fold after fold": (best, accuracies, by_fold),
        "the accuracies are sorted": (best, np.sort(accuracies), scores),
    }, right


def fitted_accuracies(given):
    """Accuracy for each penalty where the judged rows were fitted too."""
    seen = [held_out(given, p, seen=True).argmax(1) for p in given[3]]
    return [np.mean(got == given[1]) for got in seen]


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_choice(student, rng, draw):
    """The penalty, all accuracies and the scores."""
    given = problem(rng, *draw)
    known, want = mistakes(given)
    compare(
        student.choose_penalty(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(4.2)",
    )


@pytest.mark.draws(*SIZES)
def test_ties(student, rng, draw):
    """Classes far apart: every penalty is right, so the smallest is taken."""
    N, folds, d, K = draw
    y = np.arange(N // K * K) % K  # equally many of each class, in every fold
    fold = np.arange(len(y)) // K % folds
    far = 40 * np.eye(max(K, d))[:K, :d] if d >= K else 40 * rng.normal(size=(K, d))
    given = far[y] + rng.normal(size=(len(y), d)), y, fold, GRID
    want = answer(given)
    largest = answer(given, lambda i: (want[1][i], GRID[i]))
    compare(
        student.choose_penalty(*given),
        want=want,
        mistakes={"of equally good penalties the largest": largest},
        tol=TOL,
        equation="(4.2)",
    )
