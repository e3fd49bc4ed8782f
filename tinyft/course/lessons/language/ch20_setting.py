"""Chapter 20: the verses, who may see which of them, and how accuracy is counted.

pool     verses to draw labelled ones from
valid    other chapters: chooses smoothing, penalties and rates
test     other chapters again: gives the results, chooses nothing
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from tinyft import data, transfer
from tinyft.backend import asnumpy
from tinyft.course import experiment
from tinyft.course.experiment import interval, said

LABELS = (4, 10, 32, 100, 300, 1000)  # labelled verses, half of each kind
SEEDS = range(10)
PENALTIES = tuple(
    10.0**k for k in range(-4, 2)
)  # of heads on fixed features, in spreads
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


def features_head(features, count, seed, task="saying"):
    """{"valid", "test": accuracy, "penalty"} of logistic regression on fixed features.

    features: part -> (n, d).  Valid chooses the penalty, of equally good ones the largest.
    """
    pool, few = parts(task)["pool"], draw(count, seed, task)
    at = {text: i for i, text in enumerate(pool.texts)}
    Z = features("pool")[[at[text] for text in few.texts]]
    unit, found = transfer.spread(Z), []
    for relative in PENALTIES:
        probe = transfer.linear_probe(Z, few.labels, relative * unit, "logistic")
        judged = {
            part: probe.accuracy(features(part), parts(task)[part].labels)
            for part in ("valid", "test")
        }
        found.append(judged | {"penalty": relative})
    return max(found, key=lambda one: (one["valid"], one["penalty"]))


def accuracy(predicted, labels):
    """The share of verses whose kind is right; one in two by guessing."""
    return float(np.mean(asnumpy(predicted) == labels))


def percent(values):
    """Mean ± half of the 95 % interval (Student's t) of accuracies, in per cent."""
    return said(100 * np.asarray(values), 1)


def paired(a, b, label=", not settled"):
    """The mean of a − b ± half its interval, in points; both have the same draws.

    The label follows where 0 lies in the interval. Two digits or more are shown where
    one would not tell.
    """
    mean, half = interval(100 * (np.asarray(a) - np.asarray(b)))
    digits = next((k for k in (1, 2, 3) if round(abs(mean), k) != round(half, k)), 1)
    mean = round(mean, digits) + 0.0 if abs(mean) <= half else mean
    return f"{mean:+.{digits}f} ± {half:.{digits}f}" + label * (abs(mean) <= half)


def settled(a, b):
    """1, −1 or 0: a is reliably above b, reliably below, or not settled (95 %)."""
    return experiment.settled(np.asarray(a) - np.asarray(b))


def share(hits, count):
    """An accuracy on `count` verses with half its 95 % interval, in per cent."""
    half = 1.96 * (hits * (1 - hits) / count) ** 0.5
    return f"{100 * hits:.1f} ± {100 * half:.1f}"
