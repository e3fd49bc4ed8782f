"""Chapter 08: its figures, and the table of what to set."""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.transfer.ch08_discriminative_lr import (
    ALPHAS,
    METHODS,
    RATES,
    against_lower_rates,
    chosen,
    up_to_best,
)
from tinyft.course.plot import COLOURS, show

FULL = "full, α = 1"
SLOWER = [name for name in ALPHAS if name != FULL]


def two_panels(panels, steps, names, ylabel, alt, caption):
    """Draw {title: values (steps, curves)} side by side against steps, on log axes."""
    import matplotlib.pyplot as plt

    looks = zip(("blue", "orange", "green", "purple", "vermilion"), names)
    looks = list(zip(looks, ("-", "--", "-.", ":", (0, (1, 1)))))
    fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.6), sharey=True)
    for ax, (title, values) in zip(axes, panels.items()):
        for ((colour, name), line), y in zip(looks, values.T):
            mark = "o" if len(steps) < 12 else None
            look = {"color": COLOURS[colour], "marker": mark, "markersize": 4}
            ax.plot(steps, y, linestyle=line, label=name, **look)
        ax.set(xscale="log", yscale="log", title=title, xlabel="step t", ylabel=ylabel)
    axes[1].legend(loc="lower right", fontsize=8)
    show(fig, alt, caption)


def draw_quadratics(drifts, times, names):
    """Section 4: how far each layer has gone on its own quadratic, two optimisers."""
    two_panels(drifts, times, names, "distance from the start / |δ_l|",
               "Two panels, share of the way against steps on log axes, a curve per layer. "
               "At first the lower layers lag; at the end all reach 1, under SGD and under "
               "Adam, whose top layer goes beyond 1 on the way.",
               "Left (8.7): layers 2 and 3 nearly coincide, since the curvature of layer 2 "
               "is larger. Right: Adam, to which (8.7) does not apply; its top layer "
               "overshoots and comes back.")  # fmt: skip


def draw_drift(paths, marks, names):
    """Section 4: drift of each group's output; paths {α: (draws, marks, groups)}."""
    panels = {f"SGD, η0 = 0.01, α = {a}": v.mean(axis=0) for a, v in paths.items()}
    two_panels(panels, marks, names, "relative drift of the output",
               "Two panels, drift against steps on log axes, a curve for each layer group, "
               "nearly in the order of the layers on both. For α = 1 the body's curves lie "
               "close together and flatten; for α = 0.3 the lower ones lie much lower and "
               "far apart. The curve of the logits, fc, lies highest.",
               "Means of three draws. The order is nearly the same on both sides; the "
               "spacing is not. A new head starts with small logits, so fc drifts by "
               "several times their size.")  # fmt: skip


def draw_both_tasks(study):
    """Section 5: what is kept against what is learned, a line per α, a point per rate."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.4, 4.6))
    looks = zip(
        ALPHAS, "osD^", ("blue", "orange", "green", "purple"), ("-", "--", "-.", ":")
    )
    for (m, mark, colour, line), side in zip(
        looks, ((-4, 7), (3, -13), (-20, -12), (-26, -8))
    ):
        runs = up_to_best(study, m)  # from the lowest rate to the best one
        learned, kept = ([np.mean(v.values(score)) for v in runs.values()]
                         for score in ("test", "source"))  # fmt: skip
        ax.plot(learned, kept, line, marker=mark, color=COLOURS[colour], label=m)
        for rate, *at in zip(runs, learned, kept):
            ax.annotate(f"{rate:g}", at, side, textcoords="offset points", fontsize=7,
                        color=COLOURS[colour])  # fmt: skip
    ax.set(xlabel="accuracy on new digits", ylabel="accuracy on old digits")
    ax.legend(fontsize=8, loc="lower left")
    show(fig, "Old accuracy against new accuracy, one line for each α, a point for each "
         "rate, means of ten draws. Most steps fall to the right. The lines of α < 1 lie "
         "above the line of α = 1, which the last point of α = 0.7 meets.",
         "A line per α, a point per rate, η0 written beside it, up to the best. Up and to "
         "the right is better. One common line would mean: turning η0 down does the same "
         "as α.")  # fmt: skip


def verdict(values):
    """The interval as text, with a verdict."""
    mean, half = interval(values)
    return said(values, 3, True) + ("" if abs(mean) > half else " (not settled)")


def remaining(study):
    """{α: old digits minus full at equal validation error: (at the best rate, mean)}."""
    found = {}
    for m in SLOWER:
        pairs = against_lower_rates(study, m)
        found[m] = pairs[-1][2], np.mean([old for *_, old in pairs], axis=0)
    return found


def accuracies(study, method, lr):
    """ "η0 = 0.04: new 0.791, old 0.954", means of the draws."""
    runs = study.where(method=method, lr=lr)
    new, old = (np.mean(runs.values(score)) for score in ("test", "source"))
    return f"η0 = {lr:g}: new {new:.3f}, old {old:.3f}"


def settings(study):
    """Rows of section 6: what matters, what to set, what it gave here."""
    tops = {m: chosen(study, m)[0]["settings"]["lr"] for m in METHODS}
    half = {m: accuracies(study, m, tops[m] / 2) for m in METHODS}
    gradual = "α = 0.5, gradual"
    return [
        ["new task only", "α = 1, its best rate",
         accuracies(study, FULL, tops[FULL])],
        ["old task too", "α = 0.5, half its best rate", half["α = 0.5"]],
        ["the same without α", "α = 1, half its best rate", half[FULL]],
        ["nearly all of the old task", "α = 0.5, one more group every three steps",
         accuracies(study, gradual, tops[gradual])],
        ["AdamW", "not swept here", "one fixed rate of Adam: 08b, Reference B"],
        ["any α", f"sweep η0 again, by factors of 2: {len(RATES[FULL])} trainings per α",
         "best: " + ", ".join(f"{m}: {tops[m]:g}" for m in ALPHAS)],
    ]  # fmt: skip


def gap(study, one, other, score):
    """Paired difference of two (method, rate), with a verdict."""
    a, b = (study.where(method=m, lr=lr).values(score) for m, lr in (one, other))
    return verdict(np.subtract(a, b))
