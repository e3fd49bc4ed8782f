"""Grader of compare_models. References: means of 0/1 errors, and sums over all the ways
to hand out the discordant examples. Both are exact to 1e-13; 1e-9 is allowed."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [
    (40, 5, 12, 4),
    (57, 3, 2, 9),
    (33, 4, 1, 6),
    (80, 6, 11, 3),
]  # N, classes, b, c


def problem(rng, N, classes, b, c):
    """Predictions with exactly b and c discordant examples, and some that both miss."""
    y = rng.integers(0, classes, N)
    first, second = y.copy(), y.copy()
    order, both = rng.permutation(N), 3 + N // 10
    only_first, only_second = order[:b], order[b : b + c]
    common = order[b + c : b + c + both]
    for wrong, rows in ((first, only_first), (second, only_second)):
        for i in (*rows, *common):
            wrong[i] = (y[i] + rng.integers(1, classes)) % classes
    return first, second, y


def tail(n, k, middle=1.0):
    """2 P(B < k) + 2·middle·P(B = k), B ~ Bin(n, ½)."""
    weights = [math.comb(n, i) / 2**n for i in range(k + 1)]
    return 2 * (sum(weights[:k]) + middle * weights[k])


@pytest.mark.points(1)
@pytest.mark.draws(*SIZES)
def test_gap(student, rng, draw):
    """The first's error rate minus the second's."""
    first, second, y = given = problem(rng, *draw)
    N, _, b, c = draw
    want = (first != y).mean() - (second != y).mean()
    known = {
        "the sign: the second's errors minus the first's": -want,
        "the gap lost its sign": abs(want),
        "divided by the discordant examples, not by all N": (b - c) / (b + c),
        "a count, not a rate: it is not divided by N": b - c,
        "only b: c is not subtracted": b / N,
        "the first's error rate alone": (first != y).mean(),
    }
    compare(
        student.compare_models(*given)[0],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_error(student, rng, draw):
    """The standard deviation of the paired differences, over √N."""
    first, second, y = given = problem(rng, *draw)
    N, _, b, c = draw
    d = (first != y).astype(float) - (second != y)
    p, q = (first != y).mean(), (second != y).mean()
    want = d.std() / math.sqrt(N)
    known = {
        "unpaired: p(1 − p)/N + q(1 − q)/N": math.sqrt((p * (1 - p) + q * (1 - q)) / N),
        "(b − c)²/N is not subtracted": math.sqrt(b + c) / N,
        "(b − c)² is not divided by N": math.sqrt(abs(b + c - (b - c) ** 2)) / N,
        "the root is missing": want**2,
        "divided by √N, not by N": want * math.sqrt(N),
        "divided by N² under the root's outside": want / N,
        "the standard error of a discordant example": want * N / (b + c),
        "N − 1 instead of N: (12.2) is the bootstrap's": d.std(ddof=1) / math.sqrt(N),
    }
    compare(
        student.compare_models(*given)[1],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.2)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_p(student, rng, draw):
    """McNemar's mid-p value."""
    first, second, y = given = problem(rng, *draw)
    N, _, b, c = draw
    n, k = b + c, min(b, c)
    want = tail(n, k, 0.5)
    all_b, all_c = int((first != y).sum()), int((second != y).sum())
    known = {
        "one-sided: the other tail is missing": want / 2,
        "the exact p, not the mid-p": min(1.0, tail(n, k)),
        "P(B = k) does not count at all": tail(n, k, 0.0),
        "the χ² approximation": math.erfc(abs(b - c) / math.sqrt(2 * n)),
        "the corrected χ²": math.erfc((abs(b - c) - 1) / math.sqrt(2 * n)),
        "b instead of min(b, c)": tail(n, b, 0.5),
        "N coins: examples that both get right were tossed too": tail(N, k, 0.5),
        "errors that both make are in b and c": tail(
            all_b + all_c, min(all_b, all_c), 0.5
        ),
        "the probability of this table alone": math.comb(n, k) / 2**n,
    }
    compare(
        student.compare_models(*given)[2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.4)",
    )


@pytest.mark.draws((20, 3, 0, 0), (26, 4, 5, 5))
def test_no_difference(student, rng, draw):
    """As many errors on either side: the gap is 0 and p is 1."""
    given = problem(rng, *draw)
    N, _, b, c = draw
    want = 0.0, math.sqrt(b + c) / N, 1.0
    known = {"the exact p, not clipped": (0.0, want[1], tail(b + c, b))}
    known = {k: v for k, v in known.items() if not np.allclose(v, want)}
    compare(
        student.compare_models(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.4)",
    )
