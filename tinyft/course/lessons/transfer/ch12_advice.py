"""Chapter 12: "What to set", every number from the runs and the tests themselves."""

import numpy as np

from tinyft import evaluation
from tinyft.course.experiment import said
from tinyft.course.lessons.transfer import ch12_negative_transfer as lesson
from tinyft.course.lessons.transfer.ch12_tables import agreement, sizes


def advice(study, errors, found):
    """Rows (what, start with, measured here) of section 10.

    errors: {name: (seeds, examples)}.  found: {name: (LEEP, LogME)}.
    """
    rows = [*_test(), *_seeds(errors), *_examples(errors)]
    return [*rows, *_rate(study), *_length(study), *_score(errors, found)]


def _test():
    worst = {
        kind: max(evaluation.rejection(n, kind) for n in range(1, 101))
        for kind in evaluation.KINDS
    }
    least = next(n for n in range(1, 20) if evaluation.rejection(n) > 0)
    text = ", ".join(f"{kind} {100 * size:.1f} %" for kind, size in worst.items())
    return [
        [
            "two fixed models",
            f"McNemar, exact; {least} discordant examples at least",
            f"largest false-alarm rate at 5 %, up to 100 discordant: {text}",
        ]
    ]


def _seeds(errors):
    scratch, other = errors[lesson.SCRATCH], errors[lesson.OTHER]
    few = evaluation.decide(other[:5], scratch[:5])
    all_ten = evaluation.decide(other, scratch)
    return [
        [
            "two ways to train: seeds",
            "five; ten where runs are cheap",
            f"{lesson.OTHER}: half width {few.half:.3f} with five, {all_ten.half:.3f} "
            "with ten",
        ]
    ]


def _examples(errors):
    psi = discordance(errors)
    text = ", ".join(f"{N} for a gap of {gap}" for gap, N in sizes(psi))
    return [
        [
            "test examples, two fixed models",
            text,
            f"power 80 % where {psi:.0%} are discordant, as here",
        ]
    ]


def discordance(errors):
    """The mean share of test examples that one model of a pair alone gets wrong."""
    names = (lesson.OTHER, lesson.RANDOM)
    scratch = errors[lesson.SCRATCH]
    return float(np.mean([abs(errors[name] - scratch).mean() for name in names]))


def _rate(study):
    best = {
        name: lesson.chosen(_arm(study, name))[0]
        for name in (lesson.SCRATCH, lesson.NOISY, lesson.OTHER)
    }
    text = ", ".join(f"{name} {lr:g}" for name, lr in best.items())
    return [
        ["rate of fine-tuning", "sweep it for every arm, scratch too", f"best: {text}"]
    ]


def _length(study):
    valid, test = by_length(study)
    best, last = min(valid, key=valid.get), max(valid)
    worse = said(np.subtract(test[last], test[best]), 3, sign=True)
    return [
        [
            "steps on the source",
            "stop by the target's validation error",
            f"{lesson.MIXED}: best after {best}; after {last} the error is {worse}",
        ]
    ]


def _score(errors, found):
    gaps = {n: (errors[n] - errors[lesson.SCRATCH]).mean() for n in found}
    tau = [
        agreement([v[k] for v in found.values()], list(gaps.values())) for k in (0, 1)
    ]
    return [
        [
            "which source to try first",
            "LogME; LEEP only if its head will be kept as it is",
            f"Kendall's τ with the gap, {len(found)} sources: LogME {tau[1]:.2f}, LEEP "
            f"{tau[0]:.2f}",
        ]
    ]


def by_length(study):
    """({steps: mean validation error}, {steps: test error of each seed}) of MIXED."""
    valid, test = {}, {}
    for length in lesson.LENGTHS:
        arm = _arm(study, lesson.MIXED, length)
        rate, test[length] = lesson.chosen(arm)
        valid[length] = float(np.mean(arm.where(lr=rate).values("valid error")))
    return valid, test


def _arm(study, name, length=lesson.LENGTH):
    return study.where(source=name, labels=2, length=length)
