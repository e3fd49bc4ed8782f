"""Chapter 06: the tables of `tinyft study 06`, every number computed."""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer.ch06_freezing import BLOCKS


def accuracy(study, **settings):
    """Five accuracies at the best rate of these settings."""
    return study.where(**settings).at_best_rate().values("test")


def minus(values, others):
    """The paired difference with its interval; marked where it contains zero."""
    mean, half = interval(np.subtract(values, others))
    text = said(np.subtract(values, others), 3, sign=True)
    return text + ("" if abs(mean) > half else " (not settled)")


def blocks(study):
    """(titles, rows): the accuracy of every block on every shift; the best is bold."""
    rows = []
    for shift in digits.SHIFTS:
        found = {
            k: accuracy(study, experiment="block", shift=shift, trains=k)
            for k in BLOCKS
        }
        best = max(found, key=lambda k: np.mean(found[k]))
        cells = [
            f"**{said(v, 3)}**" if k == best else said(v, 3) for k, v in found.items()
        ]
        rows.append([shift, *cells])
    return ["shift", *BLOCKS], rows


def crossing(study):
    """(titles, rows): early minus late on every shift, paired, and best part minus all."""
    rows = []
    for shift in digits.SHIFTS:
        found = {
            k: accuracy(study, experiment="block", shift=shift, trains=k)
            for k in BLOCKS
        }
        first, top, every = (found[k] for k in ("stem + layer1", "fc", "everything"))
        best = max(list(found)[:-1], key=lambda k: np.mean(found[k]))
        rows.append([shift, minus(first, top), best, minus(found[best], every)])
    return [
        "shift",
        "stem + layer1 minus fc",
        "best part",
        "best part minus everything",
    ], rows


def depths(study, shift, labels):
    """{k: five accuracies} of the last k groups."""
    found = study.where(experiment="depth", shift=shift, labels=labels)
    return {k: accuracy(found, trains=f"last {k}") for k in (1, 2, 3, 4, 5)}
