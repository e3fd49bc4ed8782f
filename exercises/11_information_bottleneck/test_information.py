"""Grader of information: entropies H(B) + H(C) − H(B,C) instead of the ratio. Bounds:
sums of a few dozen logarithms err by about 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
DRAWS = [
    (4, 3, 6.0),
    (3, 5, 2.0),
    (6, 2, 3.0),
    (2, 4, 8.0),
]  # bins, classes, mean count


def problem(rng, bins, classes, mean):
    """Bins that lean to a class, with empty cells, and some empty rows and columns."""
    lean = 1 + 4 * (np.add.outer(np.arange(bins), np.arange(classes)) % classes == 1)
    counts = rng.poisson(mean * lean)
    counts[rng.integers(bins), rng.integers(classes)] = 0
    counts[0, 0] += 2
    counts[1, 1] += 3
    wide = np.zeros((bins + 1, classes + 1), dtype=np.int64)
    wide[:bins, :classes] = counts
    return wide


def entropy(p, base=np.e):
    p = p[p > 0]
    return -np.sum(p * np.log(p)) / np.log(base)


def pair(plain, bias, H):
    info = plain - bias
    return float(info), float(min(max(info / H, 0.0), 1.0))


def parts(counts):
    n = counts.sum()
    p = counts / n
    rows, columns = p.sum(1), p.sum(0)
    plain = entropy(rows) + entropy(columns) - entropy(p)
    cells = (p > 0).sum() - (rows > 0).sum() - (columns > 0).sum() + 1
    return n, p, rows, columns, plain, cells


def mistakes(counts):
    n, p, rows, columns, plain, cells = parts(counts)
    H, (B, C) = entropy(columns), counts.shape
    two, bias = np.log(2), cells / (2 * n)
    used = ((rows > 0).sum() - 1) * ((columns > 0).sum() - 1)
    info, s = pair(plain, bias, H)
    return {
        "bits, not nats": (info / two, s),
        "not corrected": pair(plain, 0.0, H),
        "the correction was added": pair(plain, -bias, H),
        "the correction is divided by n, not 2n": pair(plain, 2 * bias, H),
        "all cells are counted, also the empty ones": pair(
            plain, (B - 1) * (C - 1) / (2 * n), H
        ),
        "(bins − 1)(classes − 1): empty cells inside count": pair(
            plain, used / (2 * n), H
        ),
        "the + 1 is missing": pair(plain, (cells - 1) / (2 * n), H),
        "divided by the entropy of the bins": (
            info,
            pair(plain, bias, entropy(rows))[1],
        ),
        "divided by ln(classes)": (
            info,
            pair(plain, bias, np.log((columns > 0).sum()))[1],
        ),
        "s is not corrected": (info, pair(plain, 0.0, H)[1]),
        "s is not divided by H(Y)": (info, float(np.clip(info, 0, 1))),
        "s = 1 − e^(−2I), which is for a Gaussian pair": (
            info,
            float(np.clip(1 - np.exp(-2 * info), 0, 1)),
        ),
        "the sum is not weighed by p(b,c)": pair(
            float(np.sum(np.log(p[p > 0] / np.outer(rows, columns)[p > 0]))), bias, H
        ),
        "the joint entropy was returned": (float(entropy(p)), s),
        "s and I are returned in the wrong order": (s, info),
        "counts, not shares": pair(n * plain, bias, H),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_tables(student, rng, draw):
    """Tables with empty cells, an empty row and an empty column."""
    counts = problem(rng, *draw)
    n, _, _, columns, plain, cells = parts(counts)
    want = pair(plain, cells / (2 * n), entropy(columns))
    compare(
        student.information(counts),
        want=want,
        mistakes=mistakes(counts),
        tol=TOL,
        equation="(11.2)",
    )


@pytest.mark.draws((3, 4), (5, 2))
def test_independent(student, rng, draw):
    """Rows in one proportion: I is 0 before the correction, below 0 after; s is 0."""
    bins, classes = draw
    counts = np.outer(np.arange(1, bins + 1), np.arange(2, classes + 2))
    n, cells = counts.sum(), (bins - 1) * (classes - 1)
    compare(
        student.information(counts),
        want=(-cells / (2 * n), 0.0),
        mistakes={
            "s is not cut at 0": (
                -cells / (2 * n),
                -cells / (2 * n) / entropy(counts.sum(0) / n),
            ),
            "I is cut at 0": (0.0, 0.0),
            "the correction was added": (
                cells / (2 * n),
                cells / (2 * n) / entropy(counts.sum(0) / n),
            ),
        },
        tol=TOL,
        equation="(11.2)",
    )


@pytest.mark.draws(2, 3)
def test_the_label_itself(student, rng, draw):
    """A bin for each class: I exceeds H(Y) by the correction, and s is cut at 1."""
    counts = np.diag(rng.integers(2, 9, size=draw) * np.arange(1, draw + 1))
    n, _, _, _, plain, cells = parts(counts)
    info = plain - cells / (2 * n)
    compare(
        student.information(counts),
        want=(info, 1.0),
        mistakes={"s is not cut at 1": (info, info / plain)},
        tol=TOL,
        equation="(11.2)",
    )
