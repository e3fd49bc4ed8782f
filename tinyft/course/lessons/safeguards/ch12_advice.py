"""Chapter 12: "What to set", every number from the runs and the tests themselves."""

import numpy as np

from tinyft import evaluation
from tinyft.course.experiment import said
from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.lessons.safeguards.ch12_scores import taus, with_ten_labels
from tinyft.course.lessons.safeguards.ch12_tables import sizes


def advice(study, errors, found):
    """Rows (what, start with, measured here) of section 9.

    errors: {name: (seeds, examples)}.  found: {name: (LEEP, LogME)}.
    """
    rows = [*_test(), *_seeds(errors), *_examples(errors), *_rate(study)]
    return [
        *rows,
        *_few(study),
        *_layer(study),
        *_length(study),
        *_score(errors, found),
    ]


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
            f"McNemar, exact; below {least} discordant images it cannot reject",
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
            "five; ten where runs are cheap; fix the number beforehand",
            f"{lesson.OTHER}: half width {few.half:.3f} with five, {all_ten.half:.3f} "
            "with ten",
        ]
    ]


def _examples(errors):
    psi = discordance(errors[lesson.OTHER], errors[lesson.SCRATCH])
    text = ", ".join(f"{N} for a gap of {gap}" for gap, N in sizes(psi))
    return [
        [
            "test images, two fixed models",
            text,
            f"power 80 % where {psi:.0%} are discordant, as in section 2",
        ]
    ]


def discordance(other, scratch):
    """The mean share of test images that only one model of a pair gets wrong."""
    return float(abs(other - scratch).mean())


def _rate(study):
    best = {
        name: lesson.chosen(_arm(study, name))[0]
        for name in (lesson.SCRATCH, lesson.NOISY, lesson.OTHER)
    }
    text = ", ".join(f"{name} {lr:g}" for name, lr in best.items())
    return [
        ["rate of fine-tuning", "sweep it for every arm, scratch too", f"best: {text}"]
    ]


def _few(study):
    """Ten labels in all: one rate for both arms, or a rate that two folds choose."""
    one = lesson.chosen(_arm(study, lesson.SCRATCH))[0]
    crossed, fixed = [], []
    for name in (lesson.NOISY, lesson.OTHER):
        gap = by_crossing(study, name) - by_crossing(study, lesson.SCRATCH)
        crossed.append(f"{name} {said(gap, 3, sign=True)}")
        arms = (
            _arm(study, n).where(lr=one).values("test") for n in (name, lesson.SCRATCH)
        )
        fixed.append(f"{name} {said(np.subtract(*arms), 3, sign=True)}")
    return [
        [
            "rate, with ten labels in all",
            "one that served on a similar task, the same in both arms",
            f"gap at {one:g}, scratch's best on validation: {'; '.join(fixed)}",
        ],
        [
            "... and no such rate is known",
            "cross-validate in both arms: two folds, five train and five judge",
            f"gap: {'; '.join(crossed)}",
        ],
    ]


def _layer(study):
    def new(name):
        old, fresh = (_chosen(study, n) for n in (name, name + lesson.NEW))
        return f"{name} {said(fresh - old, 3, sign=True)}"

    return [
        [
            "output layer of the source",
            "keep it if its classes are the target's, else draw a new one",
            f"error with a new one minus kept: {new(lesson.NOISY)}, {new(lesson.NAMES)}",
        ]
    ]


def _length(study):
    valid, test = by_length(study)
    best, last = min(valid, key=valid.get), max(valid)
    worse = said(np.subtract(test[last], test[best]), 3, sign=True)
    return [
        [
            "steps on the source",
            "stop by the target's validation error",
            f"{lesson.MIXED}: best after {best}; error after {last} minus that: {worse}",
        ]
    ]


def _score(errors, found):
    gaps = {n: (errors[n] - errors[lesson.SCRATCH]).mean() for n in found}
    leep, logme = taus(found, gaps)
    few = with_ten_labels(gaps)[:, 1]
    return [
        [
            "which source to try first",
            "LogME, above an untrained network's, if you have 100 labels",
            f"Kendall's τ with the gap, {len(found)} sources: LogME {logme:.2f}, LEEP "
            f"{leep:.2f}; LogME from ten labels {few.min():.2f} to {few.max():.2f}",
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


def by_crossing(study, name):
    """Test errors (seeds,) at rates that each seed chose with its ten labels alone."""
    losses = study.where(source=name, labels=1).by("lr", "valid")
    tests = _arm(study, name).by("lr", "test")
    best = np.argmin(list(losses.values()), axis=0)
    return np.array([list(tests.values())[k][s] for s, k in enumerate(best)])


def saved_sweep(study, count=2):
    """(arms, those that `count` seeds give the same rate as ten, {arm: change of error}).

    The change: test error, mean of ten seeds, at that rate minus at the one of all ten.
    """
    names, same, worse = (lesson.SCRATCH, *lesson.SOURCES), 0, {}
    for name in names:
        found = _arm(study, name)
        mean = {k: np.mean(v[:count]) for k, v in found.by("lr", "valid error").items()}
        few, (rate, errors) = min(mean, key=mean.get), lesson.chosen(found)
        same += few == rate
        worse[name] = np.mean(found.where(lr=few).values("test")) - np.mean(errors)
    return len(names), same, worse


def _chosen(study, name):
    return lesson.chosen(_arm(study, name))[1]


def _arm(study, name, length=lesson.LENGTH):
    return study.where(source=name, labels=2, length=length)
