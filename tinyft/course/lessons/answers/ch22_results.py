"""Chapter 22: the study read, compared and drawn.

A difference of two methods is paired: with one seed they train on the same verses.
"""

import numpy as np

from tinyft.course import plot
from tinyft.course.experiment import interval, said, said_gap
from tinyft.course.experiment import settled as settled_sign
from tinyft.course.lessons.answers import ch22_pattern_exploiting as lesson
from tinyft.course.plot import COLOURS, DASHES, MARKS
from tinyft.course.prose import holds


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
    """Above: accuracy against labels, as tested and recentred, a line per method with its
    95 % interval over draws. Below: the pattern minus the new head on the mean, paired.

    no_label: {"raw", "recentred": accuracy} of the pattern without labels, each the
    horizontal line of its panel.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 2, figsize=(9.2, 7.4), sharey="row", sharex=True)
    text = []
    for column, (score, (way, title)) in enumerate(PANELS.items()):
        ax, below = axes[:, column]
        text += [f"{title}: {', '.join(_lines(ax, study, score))}"]
        look = {"color": "0.5", "linewidth": 1.6, "zorder": 0}
        ax.axhline(100 * no_label[way], label="pattern, no label", **look)
        text[-1] += f", no label {100 * no_label[way]:.1f}"
        text[-1] += "; minus the new head: " + ", ".join(_leads(below, study, score))
        ax.set(title=title)
        below.set_xticks(range(len(lesson.SHOTS)), lesson.SHOTS)
        below.set(xlabel="labelled verses", xlim=(-0.45, 3.4))
    axes[0, 0].set(ylabel="test accuracy (%)")
    axes[1, 0].set(ylabel="pattern − new head, mean (points)")
    names = axes[0, 0].get_legend_handles_labels()
    fig.legend(*names, loc="outside lower center", ncols=3, fontsize=8)
    alt = (
        f"Two panels of accuracy against labels, two of differences. {'. '.join(text)}."
    )
    plot.show(fig, f"{alt} {caption}", caption)


def _lines(ax, study, score):
    """Draw one panel's methods; what each line runs from and to."""
    text = []
    for i, method in enumerate(lesson.METHODS):
        at = shots(method)
        found = [100 * values(study, method, n, score) for n in at]
        text.append(_line(ax, i, method, at, found))
    return text


def _leads(ax, study, score):
    """Draw the pattern's paired lead over the new head, with a line at 0."""
    ax.axhline(0, color="black", linewidth=1)
    head, text = "fresh head, mean", []
    for i, method in enumerate(list(lesson.METHODS)[:3]):
        found = [
            100 * (values(study, method, n, score) - values(study, head, n, score))
            for n in lesson.SHOTS
        ]
        text.append(_line(ax, i, method, lesson.SHOTS, found))
    return text


def _line(ax, i, method, at, found):
    mean, half = np.transpose([interval(one) for one in found])
    x = np.array([lesson.SHOTS.index(n) for n in at]) + 0.07 * (i - 2)
    look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "capsize": 3}
    ax.errorbar(x, mean, half, label=method, linestyle=DASHES[i], **look)
    return f"{method} {mean[0]:.1f} to {mean[-1]:.1f}"


# --- sentences of section 6 --------------------------------------------------------------


def sign(study, a, b, labels, score="test", task="saying"):
    """1, -1 or 0: a - b is settled above 0, below it, or not settled."""
    one, other = (values(study, m, labels, score, task) for m in (a, b))
    return settled_sign(one - other)


def answer(study):
    """When has the new head caught up with the pattern?  The leads of the biases."""
    head, ways = "fresh head, mean", list(lesson.METHODS)[:3]
    signs = {
        score: [sign(study, m, head, n, score) for m in ways for n in lesson.SHOTS]
        for score in PANELS
    }
    holds(
        all(s >= 0 for s in signs["recentred"] + signs["test"]), "that no head is ahead"
    )
    holds(
        all(sign(study, m, head, 32, "recentred") > 0 for m in ways), "a lead with 32"
    )
    holds(
        not sign(study, *lesson.OTHER_TASK, 16, "recentred", "poetry"), "no lead there"
    )
    lead = {n: difference(study, ways[2], head, n, "recentred") for n in (4, 32)}
    return (
        "**Answer.** Recentred, the new head has not caught up with 32 labels: the lead "
        f"of the biases falls from {lead[4]} points with 4 labels to {lead[32]} with 32, "
        f"and {sum(signs['recentred'])} of 12 leads are settled. As tested "
        f"{sum(signs['test'])} of 12 is. On the unseen books (16 labels) no lead is seen."
    )


def unseen_rows(study, no_label):
    """Rows: the two methods of the unseen books with 16 labels, and their difference.

    no_label: {way: accuracy} there, without a label.
    """
    rows = []
    for m in lesson.OTHER_TASK:
        both = [percent(values(study, m, 16, s, "poetry")) for s in PANELS]
        gain = over_no_label(study, no_label["recentred"], m, task="poetry")[16]
        rows.append([m, *both, gain])
    gaps = [difference(study, *lesson.OTHER_TASK, 16, s, "poetry") for s in PANELS]
    return [
        [
            "no label",
            *(f"{100 * no_label[way]:.1f}" for way in ("raw", "recentred")),
            "",
        ],
        *rows,
        ["whole model minus new head", *gaps, ""],
    ]


def offset_words(study):
    """How much recentring moves a trained model, by the number of labels: does a draw
    of few labels leave the border to chance?"""
    told = []
    for m in ("pattern, biases", "fresh head, mean"):
        moved = [
            100 * (values(study, m, n, "recentred") - values(study, m, n))
            for n in (4, 32)
        ]
        spread = [float(np.std(one, ddof=1)) for one in moved]
        told.append(
            f"{m}: {spread[0]:.1f} points with 4 labels, {spread[1]:.1f} with 32"
        )
    return (
        "What recentring changes differs from draw to draw by (standard deviation) "
        f"{'; '.join(told)}."
    )
