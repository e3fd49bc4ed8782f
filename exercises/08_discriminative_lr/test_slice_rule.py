"""Grader of slice_rule. Bounds: a power of a quotient, 1e-15 relative to hi."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-12


def problem(rng):
    return float(rng.uniform(1e-3, 3e-3)), float(rng.uniform(0.02, 0.05))


def even(lo, hi, count):
    """Evenly spaced in the logarithm, both ends included."""
    return np.exp(np.linspace(np.log(lo), np.log(hi), count))


def two_ends(lo, hi, count):
    i, logs = np.arange(count), (np.log(lo), np.log(hi))
    L = max(count - 1, 1)
    return {
        "evenly spaced rates, not even factors": np.linspace(lo, hi, count),
        "1/L instead of 1/(L−1): hi is not reached": lo * (hi / lo) ** (i / count),
        "1/L instead of 1/(L−1): lo is left out": lo * (hi / lo) ** ((i + 1) / count),
        "the order is inverted": even(hi, lo, count),
        "lo for all groups but the top": np.array([lo] * (count - 1) + [hi]),
        "each group has ten times the one below": hi / 10.0 ** i[::-1],
        "powers of 10 of natural logarithms": 10 ** np.linspace(*logs, count),
        "the logarithms are returned, not the rates": np.linspace(*logs, count),
        "the factor is hi/lo for every group": lo * (hi / lo) ** i,
        "the factor is hi/(lo (L−1)), without a root": lo * (hi / lo / L) ** i,
        "lo/hi instead of hi/lo": lo * (lo / hi) ** (i / L),
        "the sequence starts at 1: lo is missing": (hi / lo) ** (i / L),
        "lo is ignored: hi/10 below the top": np.array([hi / 10] * (count - 1) + [hi]),
    }


def one_end(hi, count):
    rest = count - 1
    return {
        "hi/3 instead of hi/10": np.array([hi / 3] * rest + [hi]),
        "slice(hi) is a geometric sequence from hi/10": even(hi / 10, hi, count),
        "slice(hi) is evenly spaced from hi/10": np.linspace(hi / 10, hi, count),
        "slice(hi) in inverted order: the bottom has hi": np.array(
            [hi] + [hi / 10] * rest
        ),
        "slice(hi) is hi for all": np.full(count, hi),
        "slice(hi) also divides the top": np.full(count, hi / 10),
        "slice(hi) divides by 10 again at each group": hi
        / 10.0 ** np.arange(count)[::-1],
        "slice(hi) freezes all but the top: their rate is 0": np.array(
            [0.0] * rest + [hi]
        ),
    }


@pytest.mark.points(2)
@pytest.mark.draws(6, 3, 9)
def test_two_ends(student, rng, draw):
    """slice(lo, hi): a geometric sequence."""
    lo, hi = problem(rng)
    want = even(lo, hi, draw)
    compare(
        student.slice_rule(lo, hi, draw),
        want=want,
        mistakes=two_ends(lo, hi, draw),
        tol=TOL,
        equation="(8.2)",
    )


@pytest.mark.draws(5, 2, 8)
def test_one_end(student, rng, draw):
    """slice(hi): hi/10 below the top."""
    _, hi = problem(rng)
    want = hi * np.where(np.arange(draw) == draw - 1, 1.0, 0.1)
    compare(
        student.slice_rule(None, hi, draw),
        want=want,
        mistakes=one_end(hi, draw),
        tol=TOL,
        equation="(8.2)",
    )


def test_two_groups(student, rng):
    """Two groups have lo and hi."""
    lo, hi = problem(rng)
    want = np.array([lo, hi])
    compare(
        student.slice_rule(lo, hi, 2),
        want=want,
        mistakes=two_ends(lo, hi, 2),
        tol=TOL,
        equation="(8.2)",
    )


@pytest.mark.draws(True, False)
def test_one_group(student, rng, draw):
    """One group has hi, for both kinds of slice."""
    lo, hi = problem(rng)
    try:
        got = student.slice_rule(lo if draw else None, hi, 1)
    except ZeroDivisionError:
        said = "the exponent 1/(L−1) does not exist for L = 1: return hi"
        fail("one group divides by zero", said, equation="(8.2)")
    compare(
        got,
        want=np.array([hi]),
        mistakes={
            "one group has lo": np.array([lo]),
            "one group has hi/10": np.array([hi / 10]),
            "one group has lo and hi": np.array([lo if draw else hi / 10, hi]),
        },
        tol=TOL,
        equation="(8.2)",
    )
