"""Chapter 20: the verses, who may see which of them, and how accuracy is counted.

pool     verses to draw labelled ones from
valid    other chapters: chooses smoothing, penalties and rates
test     other chapters again: gives the results, chooses nothing
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from tinyft import data
from tinyft.course.experiment import interval

LABELS = (4, 10, 32, 100, 300, 1000)  # labelled verses, half of each kind
SEEDS = range(10)
VALID = 106  # verses of each kind
TASKS = {
    "saying": "Genesis or Proverbs (the BERT has read them)",
    "poetry": "Samuel-Kings or Psalms-Job (it has not)",
}


class Part(NamedTuple):
    """Verses and their kinds: texts, an array of str (n,); labels, 0 or 1 (n,)."""

    texts: np.ndarray
    labels: np.ndarray


@cache
def parts(task="saying"):
    """{"pool", "valid", "test": Part}; no chapter is in two of them."""
    pool, test = data.load_verses(task, "pool"), data.load_verses(task, "test")
    number = np.array([int(chapter.rpartition(" ")[2]) for chapter in pool.chapters])
    texts, labels, held = np.array(pool.texts), pool.labels, number % 8 == 2
    rows = np.concatenate(
        [_spaced(np.flatnonzero(held & (labels == k))) for k in (0, 1)]
    )
    return {
        "pool": Part(texts[~held], labels[~held]),
        "valid": Part(texts[rows], labels[rows]),
        "test": Part(np.array(test.texts), test.labels),
    }


def _spaced(rows):
    return rows[np.arange(VALID) * len(rows) // VALID]


def draw(count, seed, task="saying"):
    """`count` labelled verses of the pool, half of each kind: a Part.

    A larger draw of the same seed contains the smaller ones.
    """
    pool, rng = parts(task)["pool"], np.random.default_rng(seed)
    mixed = [rng.permutation(np.flatnonzero(pool.labels == k)) for k in (0, 1)]
    rows = np.concatenate([rows[: count // 2] for rows in mixed])
    return Part(pool.texts[rows], pool.labels[rows])


def accuracy(predicted, labels):
    """The share of verses whose kind is right; one in two by guessing."""
    return float(np.mean(np.asarray(predicted) == labels))


def percent(values):
    """Mean ± half of the 95 % interval (Student's t) of accuracies, in per cent."""
    mean, half = interval(100 * np.asarray(values))
    return f"{mean:.1f} ± {half:.1f}"


def paired(a, b):
    """The mean of a − b ± half its interval, in points; both have the same draws.

    "not settled" follows where 0 lies in the interval.
    """
    mean, half = interval(100 * (np.asarray(a) - np.asarray(b)))
    return f"{mean:+.1f} ± {half:.1f}" + ", not settled" * (abs(mean) <= half)
