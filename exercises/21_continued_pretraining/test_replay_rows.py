"""Grader of replay_rows. Rows are exact. The reference deals all rows one at a time with
exact fractions, and sorts each batch at the end."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyft.grading import compare

SIZES = [  # a, b, batch, steps, new rows, old rows
    (3, 8, 4, 7, 5, 2),
    (2, 7, 5, 9, 11, 3),
    (5, 9, 7, 6, 8, 5),
    (1, 10, 12, 11, 13, 4),
    (4, 5, 8, 5, 3, 7),
]


def dealt(given, count):
    """The batches, given how many rows of batch t are old: count(t, share of rows)."""
    a, b, batch, steps, new, old = given
    readers, out = {"new": 0, "old": 0}, []
    for t in range(steps):
        n = min(batch, max(0, count(t, Fraction(a, b) * batch)))
        row = [(readers["new"] + i) % new for i in range(batch - n)]
        row += [-1 - (readers["old"] + i) % old for i in range(n)]
        readers["new"] += batch - n
        readers["old"] += n
        out.append(row)
    return np.array(out)


def owed(t, rows):
    return math.floor((t + 1) * rows) - math.floor(t * rows)


def counts(given):
    a, b, batch, steps, *_ = given
    return [owed(t, Fraction(a, b) * batch) for t in range(steps)]


def by_hand(given, start=(0, 0), rewind=False, shared=False, wrap=True, late=0):
    """The right counts, read in a wrong way."""
    _, _, batch, _, new, old = given
    i, j, out = *start, []
    for n in counts(given):
        i, j = start if rewind else (i, j)
        j = i + batch - n if shared else j
        first, second = i + np.arange(batch - n), j + np.arange(n)
        first, second = (first % new, second % old) if wrap else (first, second)
        out.append([*first, *(late - 1 - second)])
        i, j = i + batch - n, j + n
    return np.array(out)


def skipping(given):
    """A reader that would run over its end begins again at 0 and drops the rest."""
    _, _, batch, _, new, old = given
    i, j, out = 0, 0, []
    for n in counts(given):
        i = 0 if i + batch - n > new else i
        j = 0 if j + n > old else j
        out.append(
            [*((i + np.arange(batch - n)) % new), *(-1 - (j + np.arange(n)) % old)]
        )
        i, j = i + batch - n, j + n
    return np.array(out)


def last_row_first(given):
    """−i instead of −1 − i: the old row 0 is the new row 0."""
    right = dealt(given, owed)
    return np.where(right < 0, right + 1, right)


def mistakes(given):
    a, b, _, _, new, old = given
    right = dealt(given, owed)
    turned = np.array([[*r[r < 0], *r[r >= 0]] for r in right])
    half = Fraction(1, 2)
    return {
        "every batch rounds for itself: the share of the run is another": dealt(
            given, lambda t, rows: round(rows)
        ),
        "every batch cuts the fraction off": dealt(given, lambda t, rows: int(rows)),
        "every batch rounds up": dealt(given, lambda t, rows: math.ceil(rows)),
        "the running total is rounded to the nearest, not down": dealt(
            given,
            lambda t, rows: (
                math.floor((t + 1) * rows + half) - math.floor(t * rows + half)
            ),
        ),
        "the running total is rounded up": dealt(
            given, lambda t, rows: math.ceil((t + 1) * rows) - math.ceil(t * rows)
        ),
        "t batches too few: batch t has what batch t − 1 was owed": dealt(
            given, lambda t, rows: owed(t - 1, rows) if t else 0
        ),
        "the share is the new text's": dealt((b - a, *given[1:]), owed),
        "the share is a/(a + b)": dealt((a, a + b, *given[2:]), owed),
        "every batch reads from row 0": by_hand(given, rewind=True),
        "one reader for both texts": by_hand(given, shared=True),
        "the numbers run over the end of a text": by_hand(given, wrap=False),
        "a text that would end inside a batch begins again": skipping(given),
        "the old text wraps at the length of the new": dealt((*given[:5], new), owed),
        "the new text wraps at the length of the old": dealt(
            (*given[:4], old, old), owed
        ),
        "old row i is written as −i": last_row_first(given),
        "the old rows come first": turned,
        "row 1 is taken for the first": by_hand(given, start=(1, 1)),
    }


def judge(student, given):
    compare(
        student.replay_rows(*given),
        want=dealt(given, owed),
        mistakes=mistakes(given),
        tol=1e-9,
        equation="(21.3)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_rows(student, rng, draw):
    """All batches of a run."""
    judge(student, draw)


@pytest.mark.draws((3, 7, 1, 9, 4, 3), (2, 3, 1, 8, 2, 5), (3, 11, 2, 12, 5, 2))
def test_small_batches(student, rng, draw):
    """One or two rows: some batches have no old row, some no new one."""
    judge(student, draw)


@pytest.mark.draws((0, 3, 4, 3, 5, 2), (3, 3, 4, 3, 5, 3), (1, 4, 8, 3, 7, 3))
def test_whole_shares(student, rng, draw):
    """Nothing old, nothing new, and a share that every batch has."""
    judge(student, draw)


@pytest.mark.draws((1, 10, 30, 4, 50, 7), (3, 10, 10, 5, 9, 4), (7, 25, 100, 3, 90, 11))
def test_shares_that_floats_miss(student, rng, draw):
    """Shares such as 0.1 · 30, a little more or less than a whole number in floats."""
    judge(student, draw)
