"""Chapter 27: what to set, from the values of the notebook's study."""

import numpy as np

from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.life import ch27_merging_models as lesson
from tinyft.course.lessons.life import ch27_setting as setting
from tinyft.course.lessons.life import ch27_tables as tables


def what_to_set(study, drops):
    """Rows [situation, advice with its numbers, section]; differences in points, 95 %.

    drops: {p: accuracies, one per mask} of one vector through DARE, rescaled.
    """
    return [
        forgot(study),
        ["which α", "eleven values on valid, on data of both tasks; three losses and "
         "(27.3) give a first guess", "2, 3"],
        same_task(study),
        strangers(study),
        statistics(study),
        several(study),
        ties_and_dare(study, drops),
    ]  # fmt: skip


def forgot(study):
    """Rates first, then the path."""
    parts = []
    for task in setting.TASKS:
        plain, walked, gap = tables.choice(study, task)
        parts.append(f"{task} {plain:g} → {walked:g}: {said_gap(gap, 1, unit=100)}")
    return [
        "fine-tuning forgot the old task",
        "choose the rate and α together on valid. What that adds to choosing the rate "
        f"alone (mean of old and new): {'; '.join(parts)}",
        "2",
    ]


def same_task(study):
    """Soups."""
    found = study.where(experiment="soup")
    best = np.array(found.values("best on valid"))
    soup = np.array(found.values("uniform soup"))
    late = study.where(experiment="prefix", prefix=lesson.PREFIXES[0])
    gap = np.array(late.values("uniform soup")) - np.array(late.values("mean single"))
    return [
        "several fine-tunings of one base for one task",
        "average them; minus the best on valid, noisy digits: "
        f"{said_gap(soup - best, 1, unit=100)}. Far from the base, let them share "
        f"their first steps: without, minus the mean network, {said_gap(gap, 1, unit=100)}",
        "4",
    ]


def strangers(study):
    """Never average these."""
    found = study.where(experiment="scratch")
    middle = 100 * np.array(found.values("scratch, half way"))
    return [
        "networks from different random weights",
        f"do not average: {said(middle, 0)} % half way. Run both (an ensemble) instead",
        "4",
    ]


def statistics(study):
    """BatchNorm."""
    gap = tables.picked(study, "sum")[0] - tables.picked(study, "sum, plain")[0]
    return [
        "BatchNorm in the network",
        "recompute its statistics after every merge, on a few hundred images without "
        f"labels; three tasks summed: {said_gap(gap, 1, unit=100)}",
        "5, 7",
    ]


def several(study):
    """Sum or train."""
    best, rivals = tables.picked(study, "sum")[0], tables.references(study)
    gaps = "; ".join(
        f"minus {name}: {said_gap(best - values, 1, unit=100)}"
        for name, values in rivals.items()
    )
    return [
        "several tasks in one network",
        f"if the data are at hand, train on all. Else sum, with λ from valid; {gaps}",
        "7",
    ]


def ties_and_dare(study, drops):
    """What they add to the sum, and what p cost one vector."""
    base = tables.picked(study, "sum")[0]
    names = ("TIES, global", "TIES, per tensor", "TIES, half kept", "DARE, p = 0.5")
    gaps = "; ".join(
        f"{name}: {said_gap(tables.picked(study, name)[0] - base, 1, unit=100)}"
        for name in names
    )
    cost = {p: np.mean(drops[0.0]) - np.mean(drops[p]) for p in (0.4, 0.9)}
    return [
        "TIES, DARE",
        f"minus the sum: {gaps}. Dropping 0.4 of one vector cost {cost[0.4]:.0f} points, "
        f"0.9 cost {cost[0.9]:.0f}",
        "6, 7",
    ]
