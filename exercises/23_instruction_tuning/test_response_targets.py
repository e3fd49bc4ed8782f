"""Grader of response_targets. The reference walks token by token with a state."""

import numpy as np
import pytest

from tinyft.grading import compare

IGNORE, TOL, EQUATION = -100, 1e-9, "(23.1)"
SIZES = [(5, 3), (4, 4), (6, 2), (3, 5)]  # rows, most turns of a row


def problem(rng, rows, turns):
    """Rows of 1 to `turns` turns, padded by two places or more; ids that are not dull."""
    pad, user, bot, end = (int(i) for i in rng.permutation(np.arange(20, 40))[:4])
    talks = []
    for i in range(rows):
        row = []
        for _ in range(turns if i == 0 else 1 + int(rng.integers(0, turns))):
            row += [user, *rng.integers(1, 20, rng.integers(1, 4)), end]
            row += [bot, *rng.integers(1, 20, rng.integers(2, 5)), end]
        talks.append(row)
    T = max(map(len, talks)) + 2
    ids = np.full((rows, T), pad)
    for out, row in zip(ids, talks):
        out[: len(row)] = row
    return ids, bot, end, user, pad


def reference(ids, bot, end, last_only):
    found = np.full(ids.shape, IGNORE)
    for i, row in enumerate(ids.tolist()):
        answers, answering = 0, False
        for t in range(len(row) - 1):
            if row[t] == bot:
                answering, answers = True, answers + 1
            if answering and (not last_only or answers == row.count(bot)):
                found[i, t] = row[t + 1]
            if answering and row[t + 1] == end:
                answering = False
    return found


def moved(targets, by):
    """Targets `by` places to the right, −100 coming in."""
    out = np.full(targets.shape, IGNORE)
    if by > 0:
        out[:, by:] = targets[:, :-by]
    else:
        out[:, :by] = targets[:, -by:]
    return out


def mistakes(ids, bot, end, user, pad, last_only):
    right = reference(ids, bot, end, last_only)
    every, last = reference(ids, bot, end, False), reference(ids, bot, end, True)
    learned, after = right != IGNORE, np.c_[ids[:, 1:], np.full(len(ids), pad)]
    here = np.where(moved(right, 1) != IGNORE, ids, IGNORE)
    lost = np.where(ids == bot, IGNORE, right)
    first = np.where(np.cumsum(ids == bot, axis=1) == 1, every, IGNORE)
    real = np.where(after != pad, after, IGNORE)
    turns = np.cumsum(ids == bot, axis=1) * (ids != pad)
    tail = np.where((turns > 0) & (after != pad), after, IGNORE)
    users = np.where(after == end, end, right)
    announced = np.where(after == bot, bot, right)
    padded = right.copy()
    for i, row in enumerate(ids):
        stop = np.flatnonzero(row == end)[-1]
        padded[i, stop:] = pad
    known = {
        "the targets are not shifted": here,
        "the targets are shifted twice": moved(right, -1),
        "the mask is shifted, the tokens are not": np.where(learned, ids, IGNORE),
        "the first token of each answer is lost": lost,
        "the end of an answer is not learned": np.where(right == end, IGNORE, right),
        "the prompt is learned too: p(x, y)": real,
        "all after the first answer began is learned": tail,
        "only the first answer is learned": first,
        "the end of the user's turn is learned": users,
        "`bot` itself is learned": announced,
        "the padding is learned": padded,
        "0 instead of −100": np.where(learned, right, 0),
        "last_only is ignored" if last_only else "last_only is always on": (
            every if last_only else last
        ),
    }
    return {k: v.astype(float) for k, v in known.items() if (v != right).any()}


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
@pytest.mark.parametrize("last_only", [False, True])
def test_targets(student, rng, draw, last_only):
    """Several turns, users' ends, padding."""
    ids, bot, end, user, pad = problem(rng, *draw)
    compare(
        np.asarray(student.response_targets(ids, bot, end, last_only), dtype=float),
        want=reference(ids, bot, end, last_only).astype(float),
        mistakes=mistakes(ids, bot, end, user, pad, last_only),
        tol=TOL,
        equation=EQUATION,
    )
