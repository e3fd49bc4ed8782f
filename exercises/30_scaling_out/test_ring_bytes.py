"""Grader of ring_bytes. Whole numbers: they are equal or not."""

import numpy as np
import pytest

from tinyft.grading import compare

SIZES = [(7, 3, 4), (37, 5, 8), (12, 4, 4), (3, 5, 2), (29, 2, 4), (41, 8, 8)]


def simulated(N, p, itemsize):
    """Every message of the two halves, one after the other."""
    sizes = [len(part) for part in np.array_split(np.arange(N), p)]
    sent, longest = np.zeros(p, dtype=int), 0
    for start in (0, 1):
        for t in range(p - 1):
            messages = [sizes[(r + start - t) % p] for r in range(p)]
            sent += messages
            longest += max(messages)
    return sent * itemsize, longest * itemsize


def mistakes(N, p, itemsize):
    want, longest = simulated(N, p, itemsize)
    each, more = divmod(N, p)
    chunk = np.array([each + (k < more) for k in range(p)])
    last, r, ones = chunk[::-1], np.arange(p), np.ones(p, dtype=int)
    found = {
        "2N on every rank": (2 * N * itemsize * ones, longest),
        "one half of the ring only": (
            (N - chunk[(r + 1) % p]) * itemsize,
            longest // 2,
        ),
        "all ranks' bytes, not each one's": (want.sum() * ones, longest),
        "numbers, not bytes": (want // itemsize, longest // itemsize),
        "N is cut down to a multiple of p": (
            2 * (p - 1) * each * itemsize * ones,
            2 * (p - 1) * each * itemsize,
        ),
        "every chunk as long as the longest": (
            2 * (p - 1) * chunk.max() * itemsize * ones,
            longest,
        ),
        "the last chunks are the longer ones": (
            (2 * N - last[(r + 1) % p] - last[(r + 2) % p]) * itemsize,
            longest,
        ),
        "the same chunk is left out in both halves": (
            2 * (N - chunk[(r + 1) % p]) * itemsize,
            longest,
        ),
        "a rank leaves out its own chunk first": (
            (2 * N - chunk[r] - chunk[(r + 1) % p]) * itemsize,
            longest,
        ),
        "p rounds in each half": (2 * N * itemsize * ones, 2 * p * chunk.max() * itemsize),
        "a round takes as long as a mean message": (
            want,
            2 * (p - 1) * N * itemsize / p,
        ),
        "the largest rank's bytes, not the largest messages": (want, want.max()),
    }
    right = (want, longest)
    return {
        name: value
        for name, value in found.items()
        if any(np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(value, right))
    }


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_bytes(student, rng, draw):
    """p that divides N, that does not, and more ranks than numbers."""
    N, p, itemsize = draw
    N += p * int(rng.integers(0, 3))  # the same remainder
    compare(
        student.ring_bytes(N, p, itemsize),
        want=simulated(N, p, itemsize),
        mistakes=mistakes(N, p, itemsize),
        tol=1e-9,
        equation="(30.2)",
    )
