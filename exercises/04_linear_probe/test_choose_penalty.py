"""Grader of choose_penalty. Bounds: one solve of condition below 1e3, 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(14, 11, 3, 2), (9, 8, 5, 3), (21, 13, 4, 5)]  # n, m, d, K
GRID = np.array([0.3, 0.003, 30.0, 0.03, 3.0])


def problem(rng, n, m, d, K):
    """Classes of unequal size; the validation part lies elsewhere."""
    y = np.r_[np.arange(K), rng.choice(K, n - K, p=np.arange(1, K + 1) / (K * (K + 1) / 2))]
    y_valid, centers = rng.integers(0, K, m), 1.1 * rng.normal(size=(K, d))
    X = 2 + centers[y] + rng.normal(size=(n, d))
    return X, y, 2.4 + centers[y_valid] + rng.normal(size=(m, d)), y_valid, GRID


def scored(X, y, X_valid, penalty, factor=2.0, center=None, free=True, bias=1.0):
    """Scores through the normal equations with a column of ones."""
    n, Y = len(X), np.eye(y.max() + 1)[y]
    center = np.zeros(X.shape[1]) if center is None else center
    A, V = np.c_[X, np.ones(n)], np.c_[X_valid - center, np.ones(len(X_valid))]
    pull = factor * n * penalty * np.diag(np.r_[np.ones(X.shape[1]), float(not free)])
    theta = np.linalg.solve(A.T @ A + pull, A.T @ Y)
    theta[-1] *= bias
    return V @ theta


def answer(given, pick=max, on=None, **how):
    X, y, X_valid, y_valid, penalties = given
    scores = [scored(X, y, X_valid, p, **how) for p in penalties]
    accuracies = np.array([np.mean(s.argmax(1) == y_valid) for s in scores])
    judged = accuracies
    if on == "train":
        judged = [np.mean(scored(X, y, X, p, **how).argmax(1) == y) for p in penalties]
    pairs = [(a, p) for a, p in zip(judged, penalties)]
    if pick == "smallest":
        best = max(range(len(pairs)), key=lambda i: (pairs[i][0], -pairs[i][1]))
    else:
        best = pairs.index(pick(pairs))
    return penalties[best], accuracies, scores[best]


def mistakes(given):
    X, y, X_valid, y_valid, penalties = given
    n = len(X)
    best, accuracies, scores = right = answer(given)
    moved = X_valid.mean(0) - X.mean(0)
    return {
        "c = nλ instead of 2nλ": answer(given, factor=1.0),
        "c = 2λ: the n is missing": answer(given, factor=2.0 / n),
        "c = λ, without 2n": answer(given, factor=1.0 / n),
        "the penalty is left out": answer(given, factor=0.0),
        "the bias is penalised too": answer(given, free=False),
        "the bias is missing": answer(given, bias=0.0),
        "the validation features are centred with their own mean": answer(
            given, center=moved
        ),
        "of equally good penalties the smallest": answer(given, pick="smallest"),
        "the worst penalty is chosen": answer(given, pick=min),
        "the penalty is chosen on the training rows": answer(given, on="train"),
        "errors instead of accuracies": (best, 1 - accuracies, scores),
        "counts instead of shares": (best, len(y_valid) * accuracies, scores),
        "the scores of the last penalty": (
            best,
            accuracies,
            scored(X, y, X_valid, penalties[-1]),
        ),
        "the accuracies are sorted": (best, np.sort(accuracies), scores),
    }, right


def apart(want, known):
    """Without the mistakes that give the right answer on this draw."""

    def same(got):
        return all(np.allclose(a, b, 1e-7) for a, b in zip(got, want))

    return {name: got for name, got in known.items() if not same(got)}


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_choice(student, rng, draw):
    """The penalty, all accuracies and the scores."""
    given = problem(rng, *draw)
    known, want = mistakes(given)
    compare(
        student.choose_penalty(*given),
        want=want,
        mistakes=apart(want, known),
        tol=TOL,
        equation="(4.2)",
    )


@pytest.mark.draws(*SIZES)
def test_ties(student, rng, draw):
    """Classes far apart: every penalty is right, so the largest is taken."""
    X, y, _, y_valid, grid = problem(rng, *draw)
    K, d = y.max() + 1, X.shape[1]
    y = np.arange(len(y) // K * K) % K  # equally many of each class
    far = 40 * np.eye(max(K, d))[:K, :d] if d >= K else 40 * rng.normal(size=(K, d))
    X = far[y] + rng.normal(size=(len(y), d))
    given = X, y, far[y_valid] + rng.normal(size=(len(y_valid), d)), y_valid, grid
    want = answer(given)
    compare(
        student.choose_penalty(*given),
        want=want,
        mistakes=apart(
            want,
            {"of equally good penalties the smallest": answer(given, pick="smallest")},
        ),
        tol=TOL,
        equation="(4.2)",
    )
