"""Grader of pass_curve. The reference has binomials of whole numbers, exactly."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 9), (7, 12), (4, 7), (8, 15)]  # questions, most samples of one
LARGE = [(3, 3000), (4, 5000), (3, 2500), (5, 4000)]


def problem(rng, P, N):
    """Different numbers of samples, one question with all N; no c is 0 or n for all."""
    n = rng.integers(max(3, N // 2), N + 1, P)
    n[int(rng.integers(0, P))] = N
    c = np.minimum(rng.integers(0, max(2, N // 3), P), n)
    c[0] = 1
    return n, c


def reference(n, c, most):
    curve = []
    for k in range(1, most + 1):
        shares = [
            1 - Fraction(comb(int(a - b), k), comb(int(a), k))
            for a, b in zip(n, c)
            if a >= k
        ]
        curve.append(float(sum(shares) / len(shares)))
    return np.array(curve)


def by(n, c, most, rule, keep=True):
    """The mean of rule(n, c, k) over the questions with n >= k, or over all."""
    return np.array(
        [
            np.mean([rule(a, b, k) for a, b in zip(n, c) if a >= k or not keep])
            for k in range(1, most + 1)
        ],
        dtype=float,
    )


def exact(a, b, k):
    if k > a:
        return 0.0
    return float(1 - Fraction(comb(int(a - b), k), comb(int(a), k)))


def mistakes(n, c, most):
    rate = np.mean(c / n)
    want = reference(n, c, most)
    return {
        "1 − (1 − c/n)^k: samples drawn with replacement": by(
            n, c, most, lambda a, b, k: 1 - (1 - b / a) ** k
        ),
        "pass@k of the mean rate": np.array(
            [1 - (1 - rate) ** k for k in range(1, most + 1)]
        ),
        "c/n for every k": by(n, c, most, lambda a, b, k: b / a),
        "k c/n": by(n, c, most, lambda a, b, k: min(1.0, k * b / a)),
        "all k are right": by(
            n, c, most, lambda a, b, k: float(Fraction(comb(int(b), k), comb(int(a), k)))
        ),
        "the chance that all k are wrong": 1 - want,
        "questions with n < k count as failed": by(n, c, most, exact, keep=False),
        "questions with n < k count as passed": by(
            n, c, most, lambda a, b, k: exact(a, b, k) if k <= a else 1.0, keep=False
        ),
        "one k too far": np.r_[want[1:], 1.0],
        "one k too short: the curve begins at pass@0": np.r_[0.0, want[:-1]],
        "c of n exchanged: the wrong ones are counted": reference(n, n - c, most),
        "the sum over questions, not the mean": want
        * [np.sum(n >= k) for k in range(1, most + 1)],
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_curve(student, rng, draw):
    """Every k up to the most samples of a question."""
    n, c = problem(rng, *draw)
    most, want = draw[1], reference(n, c, draw[1])
    known = {k: v for k, v in mistakes(n, c, most).items() if abs(v - want).max() > 1e-8}
    got = student.pass_curve(n, c, most)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(23.9)")


@pytest.mark.draws(*LARGE)
def test_many_samples(student, rng, draw):
    """Thousands of samples, half of them drawn: binomials overflow, products do not."""
    n, c = problem(rng, *draw)
    c = np.minimum(c, 4)
    most = draw[1] // 2
    at = np.array([0, 1, most // 3, most - 1])

    def exactly(k):
        return np.mean([exact(a, b, k) for a, b in zip(n, c) if a >= k])

    want = np.array([exactly(int(k) + 1) for k in at])
    naive = [np.mean(1 - (1 - c / n) ** (k + 1.0)) for k in at]
    known = {
        "1 − (1 − c/n)^k: samples drawn with replacement": np.array(naive),
    }
    compare(
        np.asarray(student.pass_curve(n, c, most))[at],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(23.9)",
        called="pass_curve",
    )


@pytest.mark.points(1)
@pytest.mark.draws(0.5, 0.8, 0.65, 0.9)
def test_needed(student, rng, draw):
    """A goal within reach, one exactly on the curve, one beyond it, one met at once."""
    curve = np.sort(rng.uniform(0.1, 0.95, 9))
    goals = [draw, float(curve[4]), 0.99, 0.05]

    def first(goal, strict=False):
        found = [i for i, v in enumerate(curve) if (v > goal if strict else v >= goal)]
        return found[0] + 1 if found else 0

    want = np.array([first(g) for g in goals], dtype=float)
    beyond = want == 0
    known = {
        "counted from 0": np.maximum(want - 1, 0),
        "the goal itself is not enough": np.array([first(g, True) for g in goals], float),
        "the last k below the goal": np.where(beyond, 9, want - 1),
        "beyond the curve: its length, not 0": np.where(beyond, 9, want),
        "beyond the curve: its length + 1, not 0": np.where(beyond, 10, want),
        "beyond the curve: 1, not 0": np.where(beyond, 1, want),
    }
    compare(
        np.array([float(student.samples_needed(curve, goal)) for goal in goals]),
        want=want,
        mistakes={k: v for k, v in known.items() if (v != want).any()},
        tol=TOL,
        equation="the first k",
        called="samples_needed",
    )
