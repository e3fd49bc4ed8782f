"""Chapter 22: the study read, compared and drawn.

A difference of two methods is paired: with one seed they train on the same verses.
"""

import numpy as np

from tinyft.course import plot
from tinyft.course.experiment import interval, said, said_gap
from tinyft.course.lessons.answers import ch22_pattern_exploiting as lesson
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
    return said_gap(differences, 2, 100)


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


def rate_advice(study):
    """The rate that the development sets chose most often, over all sizes, as text."""
    text = []
    for method in lesson.METHODS:
        every = [rates(study, method, n) for n in shots(method)]
        count = {r: sum(one[r] for one in every) for r in every[0]}
        most = max(count.values())
        best = " or ".join(f"{r:g}" for r in count if count[r] == most)
        each = " each" if " or " in best else ""
        text.append(f"{method} {best} ({most} of {sum(count.values())}{each})")
    return "; ".join(text)


PANELS = {"test": ("raw", "as tested"), "recentred": ("recentred", "recentred")}


def draw(study, no_label, caption):
    """Accuracy against labels, as tested and recentred, a line per method with its 95 %
    interval over seeds.

    no_label: {"raw", "recentred": accuracy} of the pattern without labels, each the
    horizontal line of its panel.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9.2, 4.6), sharey=True)
    text = []
    for ax, (score, (way, title)) in zip(axes, PANELS.items()):
        text += [f"{title}: {', '.join(_lines(ax, study, score))}"]
        look = {"color": "0.3", "linestyle": ":", "linewidth": 1.3, "zorder": 0}
        ax.axhline(100 * no_label[way], label="pattern, no label", **look)
        text[-1] += f", no label {100 * no_label[way]:.1f}"
        ax.set_xticks(range(len(lesson.SHOTS)), lesson.SHOTS)
        ax.set(title=title, xlabel="labelled verses", xlim=(-0.45, 3.4))
    axes[0].set(ylabel="test accuracy (%)")
    names = axes[0].get_legend_handles_labels()
    fig.legend(*names, loc="outside lower center", ncols=3, fontsize=8)
    alt = f"Two panels of accuracy against labels. {'. '.join(text)}. {caption}"
    plot.show(fig, alt, caption)


def _lines(ax, study, score):
    """Draw one panel's methods; what each line runs from and to."""
    text = []
    for i, method in enumerate(lesson.METHODS):
        at = shots(method)
        found = [interval(100 * values(study, method, n, score)) for n in at]
        mean, half = np.transpose(found)
        x = np.array([lesson.SHOTS.index(n) for n in at]) + 0.07 * (i - 2)
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "capsize": 3}
        ax.errorbar(x, mean, half, label=method, linestyle=DASHES[i], **look)
        text.append(f"{method} {mean[0]:.1f} to {mean[-1]:.1f}")
    return text
