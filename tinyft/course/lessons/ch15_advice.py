"""Chapter 15: the table "What to set", every number from the runs of `tinyft study 15`."""

import numpy as np

from tinyft.course.experiment import said
from tinyft.course.lessons.ch15_lora import OTHERS, RANKS


def advice(study):
    """Rows (what, start with, measured) of the table; differences are paired."""
    custom = "by custom; not measured here"
    return [
        _rate(study),
        ["the same, large models", "2e-4 with α = 16, or ten times full's", custom],
        _scale(study),
        _rank(study),
        _places(study),
        ["start", "A random, B zero", "Proofs (15.3): both zero never train"],
        ["dropout", "0", custom],
        _lora_or_full(study),
    ]


def _best(study, **settings):
    """(best rate on the validation part, test losses of its five seeds)."""
    found = study.where(**settings)
    return found.best_rate(), found.at_best_rate().values("test")


def _minus(one, other):
    return said(np.subtract(one, other), 3, sign=True)


def _rate(study):
    ours = _best(study, experiment="rank", r=4)[0]
    full = _best(study, experiment="full")[0]
    return [
        "learning rate (AdamW)",
        f"{ours:g} with α = 8; try the next value up and down",
        f"the best of a grid, {ours / full:.0f} times full fine-tuning's best, {full:g}",
    ]


def _scale(study):
    found = {a: _best(study, experiment="alpha", r=4, alpha=a) for a in (2, 32)}
    found = {2: found[2], 8: _best(study, experiment="rank", r=4), 32: found[32]}
    rates = ", ".join(f"{lr:g} at α = {a}" for a, (lr, _) in found.items())
    return [
        "scale α",
        "keep one value, such as 8 or 16, and tune the rate",
        f"best rate: {rates}; loss at α = 32 minus α = 2, each at its best rate: "
        f"{_minus(found[32][1], found[2][1])}",
    ]


def _rank(study):
    loss = {r: _best(study, experiment="rank", r=r)[1] for r in RANKS}
    less = ", ".join(f"r = {r} {_minus(loss[r], loss[64])}" for r in RANKS[:-1])
    grown = _best(study, experiment="alpha", r=64, alpha=128)[0]
    return [
        "rank r",
        "8 or 16, without changing α",
        f"loss minus that of r = 64: {less}; with α = 2r the best rate at r = 64 falls "
        f"to {grown:g}",
    ]


def _places(study):
    ours = _best(study, experiment="rank", r=4)[1]
    found = {p: _best(study, experiment="places", places=p)[1] for p in OTHERS}
    where = ", ".join(f"{p} {_minus(loss, ours)}" for p, loss in found.items())
    return [
        "places",
        "every linear layer in the blocks",
        f"with as many parameters elsewhere, loss minus this: {where}",
    ]


def _lora_or_full(study):
    here = _best(study, experiment="rank", r=64)[1]
    words = _best(study, experiment="new words", r=64)[1]
    full, frozen = (
        _best(study, experiment="new words", method=method)[1]
        for method in ("full", "full, embedding frozen")
    )
    return [
        "LoRA or full fine-tuning?",
        "LoRA for a new style, full for new words",
        f"r = 64 minus full: {_minus(here, _best(study, experiment='full')[1])} here, "
        f"{_minus(words, full)} on Python's help; there, full with the embedding frozen "
        f"minus full: {_minus(frozen, full)}",
    ]
