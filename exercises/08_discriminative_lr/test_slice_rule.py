"""Grader of slice_rule. Bounds: a power of a quotient, 1e-15 relative to hi."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-12


def problem(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(1e-3, 3e-3), rng.uniform(0.02, 0.05), int(rng.integers(4, 8))


def even(lo, hi, count):
    """Evenly spaced in the logarithm, both ends included."""
    return np.exp(np.linspace(np.log(lo), np.log(hi), count))


@pytest.mark.points(2)
def test_two_ends(student, seed):
    """slice(lo, hi): a geometric sequence."""
    lo, hi, count = problem(seed)
    i = np.arange(count)
    compare(
        student.slice_rule(lo, hi, count),
        want=even(lo, hi, count),
        mistakes={
            "evenly spaced rates, not even factors": np.linspace(lo, hi, count),
            "1/L instead of 1/(L−1): hi is not reached": lo * (hi / lo) ** (i / count),
            "1/L instead of 1/(L−1): lo is left out": lo
            * (hi / lo) ** ((i + 1) / count),
            "the order is inverted": even(hi, lo, count),
            "lo for all groups but the top": np.array([lo] * (count - 1) + [hi]),
            "each group has ten times the one below": hi / 10.0 ** i[::-1],
            "powers of 10 of natural logarithms": 10
            ** np.linspace(np.log(lo), np.log(hi), count),
        },
        tol=TOL,
        equation="(8.2)",
    )


def test_one_end(student, seed):
    """slice(hi): hi/10 below the top."""
    _, hi, count = problem(seed)
    compare(
        student.slice_rule(None, hi, count),
        want=hi * np.where(np.arange(count) == count - 1, 1.0, 0.1),
        mistakes={
            "hi/3 instead of hi/10": np.array([hi / 3] * (count - 1) + [hi]),
            "slice(hi) is a geometric sequence from hi/10": even(hi / 10, hi, count),
            "slice(hi) is evenly spaced from hi/10": np.linspace(hi / 10, hi, count),
            "slice(hi) in inverted order: the bottom has hi": np.array(
                [hi] + [hi / 10] * (count - 1)
            ),
            "slice(hi) is hi for all": np.full(count, hi),
            "slice(hi) also divides the top": np.full(count, hi / 10),
        },
        tol=TOL,
        equation="(8.2)",
    )


def test_two_groups(student, seed):
    """Two groups have lo and hi."""
    lo, hi, _ = problem(seed)
    compare(
        student.slice_rule(lo, hi, 2),
        want=np.array([lo, hi]),
        mistakes={"the order is inverted": np.array([hi, lo])},
        tol=TOL,
        equation="(8.2)",
    )


def test_one_group(student, seed):
    """One group has hi, for both kinds of slice."""
    lo, hi, _ = problem(seed)
    for start in (lo, None):
        try:
            got = student.slice_rule(start, hi, 1)
        except ZeroDivisionError:
            fail(
                "one group divides by zero",
                "the exponent 1/(L−1) does not exist for L = 1: return hi",
                equation="(8.2)",
            )
        compare(
            got,
            want=np.array([hi]),
            mistakes={"one group has lo": np.array([lo])}
            | {"one group has hi/10": np.array([hi / 10])},
            tol=TOL,
            equation="(8.2)",
        )
