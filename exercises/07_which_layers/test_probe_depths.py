"""Grader of probe_depths. Readouts by least squares on rows that hold the penalty.
Bounds: accuracies are exact counts, and the rest errs by a few roundings, 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
DRAWS = [  # n, m, features and signal of each depth, share
    (16, 30, (4, 9, 6), (0.3, 1.6, 0.7), 0.3),
    (13, 41, (12, 5, 7, 3), (0.2, 0.7, 1.5, 0.5), 0.02),
    (20, 24, (5, 8, 3), (1.4, 0.5, 0.6), 0.1),
    (18, 35, (3, 20, 6, 5), (0.4, 1.0, 0.9, 0.3), 1.0),
]


def problem(rng, n, m, sizes, signals, share):
    """Three classes, unequal in size; depths that show them more or less clearly."""
    K = 3
    y = np.r_[np.arange(K), rng.choice(K, n - K, p=[0.5, 0.3, 0.2])]
    y_valid = rng.integers(0, K, m)
    train, valid = [], []
    for d, signal in zip(sizes, signals):
        centers = signal * rng.normal(size=(K, d)) + 2.0
        train.append(centers[y] + rng.normal(size=(n, d)))
        valid.append(centers[y_valid] + rng.normal(size=(m, d)) + 0.3)
    return train, y, valid, y_valid, share


def readout(Z, y, V, share, per=None, scale=None, lack=0.0, own=False, free=True):
    """Predicted classes on V. Penalty rows: |Zw + b − Y|² + nlam |w|²."""
    n, d = Z.shape
    spread = ((Z - Z.mean(0)) ** 2).sum(1).mean() if scale is None else scale
    pull = (2 * n if per is None else per) * share * spread
    rows = np.sqrt(pull) * np.c_[np.eye(d), np.zeros(d)]
    if not free:
        rows = np.sqrt(pull) * np.eye(d + 1)
    A = np.r_[np.c_[Z, np.ones(n)], rows]
    Y = np.r_[np.eye(3)[y], np.zeros((len(rows), 3))]
    theta = np.linalg.lstsq(A, Y)[0]
    V = V - V.mean(0) + Z.mean(0) if own else V
    return (V @ theta[:-1] + theta[-1] - lack * Y[:n].mean(0)).argmax(1)


def rights(train, y, valid, y_valid, share, **how):
    found = [readout(Z, y, V, share, **how) for Z, V in zip(train, valid)]
    return np.array([p == y_valid for p in found], float)


def decided(right, best=None, end=-1, shown=None):
    accuracies = right.mean(1)
    d = right[accuracies.argmax() if best is None else best] - right[end]
    margin = 2 * np.sqrt(((d - d.mean()) ** 2).sum() / (len(d) - 1) / len(d))
    return accuracies if shown is None else shown, d.mean(), margin


def mistakes(train, y, valid, y_valid, share):
    given = train, y, valid, y_valid, share
    n, m, right = len(y), len(y_valid), rights(*given)
    accuracies, lost, margin = decided(right)
    on_train = rights(train, y, train, y, share)
    p, q = accuracies.max(), accuracies[-1]
    last = len(accuracies) - 1 - accuracies[::-1].argmax()
    return {
        "not 2nλ: the n is missing": decided(rights(*given, per=2.0)),
        "nλ instead of 2nλ": decided(rights(*given, per=n)),
        "λ is the share itself, without the spread": decided(rights(*given, scale=1.0)),
        "the penalty is left out": decided(rights(*given, per=1e-12)),
        "ȳ is missing from the scores": decided(rights(*given, lack=1.0)),
        "the bias is penalised too": decided(rights(*given, free=False)),
        "the validation features are centred with their own mean": decided(
            rights(*given, own=True)
        ),
        "accuracies of the training images": decided(on_train),
        "errors instead of accuracies": (1 - accuracies, lost, margin),
        "the end minus the best": (accuracies, -lost, margin),
        "the best depth minus the first, not the last": decided(right, end=0),
        "the deepest minus the one before it": decided(right, best=-2),
        "the best depth by its training accuracy": decided(
            right, best=on_train.mean(1).argmax()
        ),
        "of equally good depths the last": decided(right, best=last),
        "one standard error": (accuracies, lost, margin / 2),
        "the standard deviation, not the standard error": (
            accuracies,
            lost,
            margin * np.sqrt(m),
        ),
        "divided by m, not by m − 1": (accuracies, lost, margin * np.sqrt((m - 1) / m)),
        "unpaired: as if two other sets of images had been used": (
            accuracies,
            lost,
            2 * np.sqrt((p * (1 - p) + q * (1 - q)) / (m - 1)),
        ),
        "n images instead of m": (accuracies, lost, margin * np.sqrt(m / n)),
        "lost and margin are returned in the wrong order": (accuracies, margin, lost),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_depths(student, rng, draw):
    """Depths of different widths, the best one not the last."""
    given = problem(rng, *draw)
    want = decided(rights(*given))
    compare(
        student.probe_depths(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(7.1)",
    )


@pytest.mark.draws((15, 20), (24, 33))
def test_the_end_is_best(student, rng, draw):
    """The same features at two depths: no image differs, lost and margin are 0."""
    n, m = draw
    train, y, valid, y_valid, share = problem(rng, n, m, (6,), (1.2,), 0.1)
    weak = [0.01 * rng.normal(size=(k, 4)) for k in (n, m)]
    given = [weak[0], *train, *train], y, [weak[1], *valid, *valid], y_valid, share
    right = rights(*given)
    accuracies, p = right.mean(1), right.mean(1)[-1]
    compare(
        student.probe_depths(*given),
        want=decided(right),
        mistakes={
            "unpaired: as if two other sets of images had been used": (
                accuracies,
                0.0,
                2 * np.sqrt(2 * p * (1 - p) / (m - 1)),
            ),
        },
        tol=TOL,
        equation="(7.1)",
    )


@pytest.mark.draws(12, 21)
def test_ties(student, rng, draw):
    """Two depths are wrong on equally many images, not the same ones: the first is the
    best, lost is 0 and the margin is not."""
    y, y_valid = np.arange(9) % 3, rng.integers(0, 3, draw)
    wrong = rng.permutation(draw)[:6].reshape(2, 3)
    valid = [np.eye(3)[(y_valid + np.isin(np.arange(draw), w)) % 3] for w in wrong]
    given = [np.eye(3)[y]] * 2, y, valid, y_valid, 0.1
    right = rights(*given)
    compare(
        student.probe_depths(*given),
        want=decided(right),
        mistakes={"of equally good depths the last": decided(right, best=1)},
        tol=TOL,
        equation="(7.1)",
    )
