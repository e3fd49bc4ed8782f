"""Chapter 22: the study read, compared and drawn.

A difference of two methods is paired: with one seed they train on the same verses.
"""

import numpy as np

from tinyft.course import plot
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.language import ch22_pattern_exploiting as lesson
from tinyft.course.plot import COLOURS, DASHES, MARKS


def values(study, method, labels, score="test", task="saying"):
    """A score of every seed, an array in the order of the seeds."""
    found = study.where(task=task, method=method, labels=labels)
    return np.array(found.values(score))


def percent(shares):
    """Mean ± half of the 95 % interval over seeds, in per cent."""
    return said(100 * np.asarray(shares), 1)


def settled(differences):
    """The paired difference in points as text; "(not settled)" if 0 is in its interval.
    Two digits, so that a borderline one can be seen."""
    points = 100 * np.asarray(differences)
    mean, half = interval(points)
    return said(points, 2, True) + ("" if abs(mean) > half else " (not settled)")


def difference(study, a, b, labels, score="test", task="saying"):
    """a − b of the same seeds, as text."""
    one, other = (values(study, m, labels, score, task) for m in (a, b))
    return settled(one - other)


def shots(method):
    """The numbers of labels that the study has of a method."""
    return [n for n in lesson.SHOTS if "CLS" not in method or n in (4, 16)]


def rows(study, score="test"):
    """A table: a row per method, a column per number of labels."""
    return [
        [
            m,
            *(
                percent(values(study, m, n, score)) if n in shots(m) else "not run"
                for n in lesson.SHOTS
            ),
        ]
        for m in lesson.METHODS
    ]


def differences(study, score):
    """A table: a row per way to train the pattern, minus the fresh head on the mean; a
    column per number of labels."""
    return [
        [m, *(difference(study, m, "fresh head, mean", n, score) for n in lesson.SHOTS)]
        for m in list(lesson.METHODS)[:3]
    ]


def over_no_label(study, share, method, score="recentred", task="saying"):
    """{labels: the gain over `share`, an accuracy without labels, as text}."""
    at = [n for n in shots(method) if task == "saying" or n == 16]
    found = {n: values(study, method, n, score, task) - share for n in at}
    return {n: settled(gain) for n, gain in found.items()}


def count_settled(table):
    """How many entries of such a table are settled."""
    return sum("not settled" not in entry for row in table for entry in row[1:])


def rates(study, method, labels):
    """{rate: how many seeds chose it}."""
    chosen = values(study, method, labels, "rate")
    return {r: int(np.sum(np.isclose(chosen, r))) for r in lesson.METHODS[method]}


def draw(study, zero, score, caption):
    """Accuracy against labels, a line per method with its 95 % interval over seeds.

    zero: {name: accuracy} of what needs no label, horizontal lines.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 4.2))
    text = []
    for i, method in enumerate(lesson.METHODS):
        at = shots(method)
        found = [interval(100 * values(study, method, n, score)) for n in at]
        mean, half = np.transpose(found)
        x = np.arange(len(lesson.SHOTS))[[lesson.SHOTS.index(n) for n in at]]
        ax.errorbar(
            x + 0.07 * (i - 2),
            mean,
            half,
            label=method,
            color=list(COLOURS.values())[i],
            marker=MARKS[i],
            linestyle=DASHES[i],
            capsize=3,
        )
        text.append(f"{method} {mean[0]:.1f} to {mean[-1]:.1f}")
    for i, (name, share) in enumerate(zero.items()):
        look = {"color": "0.4", "linestyle": DASHES[i + 1], "linewidth": 1.1}
        ax.axhline(100 * share, label=f"pattern, no label, {name}", zorder=0, **look)
    ax.set_xticks(range(len(lesson.SHOTS)), lesson.SHOTS)
    ax.set(xlabel="labelled verses (and as many more to choose the rate)")
    ax.set(ylabel="test accuracy (%)", xlim=(-0.45, len(lesson.SHOTS) - 0.6))
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    alt = f"Lines of test accuracy against labels: {'; '.join(text)}. {caption}"
    plot.show(fig, alt, caption)
