"""Chapter 27: what to set, and the differences that the advice leans on."""

import numpy as np

from tinyft.course.experiment import said_gap
from tinyft.course.lessons.several import ch27_merging_models as lesson
from tinyft.course.lessons.several import ch27_setting as setting
from tinyft.course.lessons.several import ch27_tables as tables

ADVICE = [  # condition, do, price, section
    [
        "fine-tuning forgot the old task, and you can train again",
        "try smaller rates; choose the rate and α together on valid",
        "one training per rate, one evaluation per α; data of both tasks",
        "2",
    ],
    [
        "the fine-tuned network is given",
        "walk back: α on valid, or three losses for a first guess",
        "evaluations only; some accuracy on the new task",
        "2, 3, 8",
    ],
    [
        "several fine-tunings of one base for one task",
        "average them; far from the base, let them share their first steps",
        "k trainings; runs as one network",
        "4",
    ],
    ["networks from different random weights", "do not average them", "–", "4"],
    [
        "the network has BatchNorm",
        "recompute its statistics after merging",
        "a pass per layer over a few hundred images, without labels",
        "5, 7",
    ],
    [
        "several tasks in one network, data at hand",
        "train on all of them together",
        "a training with all data",
        "7",
    ],
    [
        "the same, and no training possible",
        "sum the vectors, λ on valid, new statistics",
        "far below joint training",
        "7",
    ],
]


def leans_on(study, drops):
    """Rows [difference, points on test ± half the 95 % interval, section].

    drops: {p: accuracies on valid, one per mask} of one vector through DARE, rescaled.
    """
    rows = [*paths(study), *soups(study), *merges(study)]
    rows = [[name, said_gap(gap, 1, unit=100), where] for name, gap, where in rows]
    return [*rows, *dropped(drops)]


def paths(study):
    """Rate and α chosen together, against the rate alone."""
    rows = []
    for task in setting.TASKS:
        plain, walked, gap = tables.choice(study, task)
        name = (
            f"{task}: rate and α together ({walked:g}) minus the best rate's end "
            f"({plain:g}), mean of old and new"
        )
        rows.append([name, gap, "2"])
    return rows


def soups(study):
    """Averages of one task, and of strangers."""
    noisy, scratch = (study.where(experiment=e) for e in ("soup", "scratch"))
    pairs = [
        (
            "noisy digits: uniform soup minus the best on valid",
            (noisy, "uniform soup", "best on valid"),
        ),
        (
            "moved digits, no common steps: soup minus the mean network",
            (branch(study, 0), "uniform soup", "mean single"),
        ),
        (
            f"moved digits, {lesson.PREFIXES[-1]} common steps: the same",
            (branch(study, -1), "uniform soup", "mean single"),
        ),
        (
            "half way minus the ends, two random starts",
            (scratch, "scratch, half way", "scratch, ends"),
        ),
    ]
    return [[name, difference(*of), "4"] for name, of in pairs]


def branch(study, i):
    """The runs with the i-th number of common steps."""
    return study.where(experiment="prefix", prefix=lesson.PREFIXES[i])


def difference(found, one, other):
    """Paired, one per seed."""
    return np.array(found.values(one)) - np.array(found.values(other))


def merges(study):
    """Three tasks in one network."""
    best = tables.picked(study, "sum")[0]
    plain = tables.picked(study, "sum, plain")[0]
    joint = tables.references(study)["one network, trained on all three"]
    return [
        ["three tasks, sum: new statistics minus the base's", best - plain, "7"],
        ["three tasks: sum minus joint training", best - joint, "7"],
        [
            "three tasks: TIES (half kept) minus the sum",
            tables.picked(study, "TIES, half kept")[0] - best,
            "7",
        ],
        [
            "three tasks: DARE (p = 0.5) minus the sum",
            tables.picked(study, "DARE, p = 0.5")[0] - best,
            "7",
        ],
    ]


def dropped(drops):
    """What DARE costs one vector, on valid."""
    whole = np.mean(drops[0.0])
    return [
        [
            f"one vector, DARE (p = {p:g}) minus all of it, five masks, valid",
            said_gap(np.array(drops[p]) - whole, 1),
            "6",
        ]
        for p in (0.4, 0.9)
    ]
