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
from tinyft.course import experiment, prose
from tinyft.course.experiment import interval, said

LABELS = (4, 10, 32, 100, 300, 1000)  # labelled verses, half of each kind
SEEDS = range(10)
PENALTIES = tuple(
    10.0**k for k in range(-4, 2)
)  # of heads on fixed features, in spreads
VALID = 106  # verses of each kind
HELD = "valid", "test"
TASKS = {
    "saying": "Genesis or Proverbs (the BERT has read them)",
    "poetry": "Samuel-Kings or Psalms-Job (it has not)",
}


class Gap(NamedTuple):
    """A mean difference in points; half its 95 % interval by draws and by test verses."""

    mean: float
    draws: float
    verses: float

    @property
    def half(self):
        """Both sources of luck, which are independent: their squares add."""
        return float(np.hypot(self.draws, self.verses))

    @property
    def sign(self):
        """1, −1, or 0 where the interval by both contains 0."""
        return int(np.sign(self.mean)) if abs(self.mean) > self.half else 0

    def __str__(self):
        """ "+1.2 ± 0.9", in bold where 0 lies outside."""
        digits = 1 if round(abs(self.mean), 1) != round(self.half, 1) else 2
        mean = round(self.mean, digits) + 0.0  # never −0.0
        text = f"{mean:+.{digits}f} ± {self.half:.{digits}f}"
        return f"**{text}**" if self.sign else text


def holds(**claims):
    """`prose.holds` for every claim that a sentence makes: its_name=True."""
    for name, claim in claims.items():
        prose.holds(claim, f"that {name.replace('_', ' ')}")


def gap(a, b):
    """The `Gap` a − b of two tables right or wrong, (draws, verses), paired in both.

    by draws   Student's t over the differences in accuracy
    by verses  1.96 · sd / √verses over each verse's difference, its mean over the draws
    """
    apart = 100 * (np.asarray(a, float) - np.asarray(b, float))
    mean, draws = interval(apart.mean(axis=1))
    verses = apart.mean(axis=0)
    return Gap(mean, draws, 1.96 * float(np.std(verses)) / len(verses) ** 0.5)


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
    """`verdicts` and "penalty" of logistic regression on fixed features.

    features: part -> (n, d).  Valid chooses the penalty, of equally good ones the largest.
    """
    pool, few = parts(task)["pool"], draw(count, seed, task)
    at = {text: i for i, text in enumerate(pool.texts)}
    Z = features("pool")[[at[text] for text in few.texts]]
    unit, found = transfer.spread(Z), []
    for relative in PENALTIES:
        probe = transfer.linear_probe(Z, few.labels, relative * unit, "logistic")
        wrong = [
            asnumpy(probe.predict(features(part))) != parts(task)[part].labels
            for part in HELD
        ]
        found.append(verdicts(*wrong) | {"penalty": relative})
    return min(found, key=lambda one: (one["valid"], -one["penalty"]))


def verdicts(valid, test):
    """The scores of one run from its wrong verses, yes or no: "valid", a share of errors,
    "test", an accuracy, and the 400 of test packed in eight whole numbers below 2^50,
    which floats hold exactly ("wrong 0" to "wrong 7")."""
    scores = {"valid": float(np.mean(valid)), "test": 1 - float(np.mean(test))}
    rows = np.reshape(test, (8, 50)) @ 2.0 ** np.arange(50)
    return scores | {f"wrong {k}": float(row) for k, row in enumerate(rows)}


def wrong_verses(scores):
    """What `verdicts` has packed: for every test verse whether it was wrong, (400,)."""
    rows = [int(scores[f"wrong {k}"]) for k in range(8)]
    return np.array([row >> k & 1 for row in rows for k in range(50)], bool)


def accuracy(predicted, labels):
    """The share of verses whose kind is right; one in two by guessing."""
    return float(np.mean(asnumpy(predicted) == labels))


def percent(values):
    """Mean ± half of the 95 % interval (Student's t) of accuracies, in per cent.

    values: an accuracy for each draw, or a table right or wrong, (draws, verses).
    """
    values = np.asarray(values, float)
    return said(100 * values.reshape(len(values), -1).mean(axis=1), 1)


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
