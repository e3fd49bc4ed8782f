"""Plots for everyone: colours that the colour-blind can tell apart, and a text for each.

    use_style()                     once, in the first cell
    curves({name: y}, ...)          lines over steps, ranks, rates
    per_seed({name: values}, ...)   a dot per seed, the mean and its 95 % interval
    bars({name: number}, ...)       one bar per name
    boxes([...], ...)               matrices as rectangles, with their shapes
    show(fig, alt, caption)         any figure, as a PNG with an alternative text

The first four draw, write the alternative text from the numbers, and show the figure
with `caption` below it; a caption says what to see.

The eight colours are Okabe and Ito's, "Color Universal Design" (2008); their order here
puts those with the largest difference in brightness first. Curves that matter should
differ in marker or dashes too.
"""

import base64
import io

import numpy as np

from tinyft.course.check import in_notebook
from tinyft.course.experiment import interval
from tinyft.course.prose import say

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "black": "#000000",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
}


def use_style():
    """Set Matplotlib's defaults: these colours, a light grid, no needless frame."""
    import matplotlib as mpl

    mpl.rcParams |= {
        "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())),
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
    }


def show(fig, alt, caption=None):
    """Display `fig` with its alternative text and close it; returns None.

    alt: one or two sentences for those who do not see it: kind of plot, axes, and what
    it shows. caption: what everyone reads below the figure. Raises ValueError when alt
    is missing or too short to say that, or when an axis has no label.
    """
    if not (isinstance(alt, str) and len(alt.split()) >= 5):
        raise ValueError(
            f"show(fig, alt): alt={alt!r} should say in a sentence what the plot shows"
        )
    _require_labels(fig)
    picture = io.BytesIO()
    fig.savefig(picture, format="png", metadata={"Software": None})
    _close(fig)
    _display(picture, alt)
    if caption:
        say(f"*{caption}*")


def _display(picture, alt):
    if not in_notebook():
        print(f"[plot] {alt}", flush=True)
        return
    from IPython.display import display

    code = base64.b64encode(picture.getvalue()).decode()
    shown = {"image/png": code, "text/plain": f"[plot] {alt}"}
    display(shown, metadata={"image/png": {"alt": alt}}, raw=True)


def _require_labels(fig):
    for i, axes in enumerate(fig.axes):
        if axes.get_label() == "<colorbar>" and axes.get_ylabel():
            continue  # one scale, one label
        x = [a.get_xlabel() for a in axes.get_shared_x_axes().get_siblings(axes)]
        y = [a.get_ylabel() for a in axes.get_shared_y_axes().get_siblings(axes)]
        if axes.axison and not (any(x) and any(y)):
            raise ValueError(
                f"show(fig, alt): axes {i} has no label on x or y; set_xlabel and "
                "set_ylabel with the unit, or axes.axis('off')"
            )


def _close(fig):
    import matplotlib.pyplot as plt

    plt.close(fig)


# --- figures that chapters share -----------------------------------------------------
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
MARKS = "osD^vPX*"


def curves(series, xlabel, ylabel, caption, x=None, levels=None, smooth=1, **axes):
    """Lines {name: y}; y is a sequence, or one per seed, (seeds, points).

    Several seeds give the mean and a band of its 95 % interval. x: shared by all, by
    default 0, 1, 2, ...  levels: {name: y, or several} of horizontal lines.  smooth: draw
    the mean of so many points up to each, and the points faintly.  axes: of `Axes.set`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogFormatterSciNotation, NullLocator

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    for i, (name, y) in enumerate(series.items()):
        _curve(ax, i, name, np.asarray(y, dtype=float), x, smooth)
    ax.set(xlabel=xlabel, ylabel=ylabel, **axes)
    _levels(ax, levels or {})
    if x is not None and len(x) < 12:
        ax.set_xticks(x, [f"{v:g}" for v in x])
        ax.xaxis.set_minor_locator(NullLocator())
    if ax.get_yscale() == "log":  # fewer than two decades: label 2, 3, 5 as well
        ax.yaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.5)))
    ax.legend(fontsize=9)
    ends = {k: np.atleast_2d(np.asarray(y, float)).mean(0) for k, y in series.items()}
    text = "; ".join(f"{k} from {y[0]:.3g} to {y[-1]:.3g}" for k, y in ends.items())
    show(fig, f"Lines of {ylabel} against {xlabel}: {text}. {caption}", caption)


def _levels(ax, levels):
    """Horizontal lines across the whole picture, one dash pattern per name."""
    sides = ax.get_xlim()
    for i, (name, y) in enumerate(levels.items(), 1):
        look = {"colors": "0.45", "linestyles": DASHES[i], "linewidth": 1.1}
        ax.hlines(y, *sides, label=name, zorder=0, **look)
    ax.set_xlim(sides)


def _curve(ax, i, name, y, x, smooth):
    x = np.arange(y.shape[-1]) if x is None else x
    look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i % len(DASHES)]}
    look |= {"marker": MARKS[i]} if len(x) < 20 else {}
    if y.ndim == 1:
        if smooth > 1:
            ax.plot(x, y, color=look["color"], alpha=0.25, linewidth=1)
            name, y = f"{name}, mean of {smooth}", running_mean(y, smooth)
        ax.plot(x, y, label=name, **look)
        return
    mean, half = np.transpose([interval(column) for column in y.T])
    ax.plot(x, mean, label=name, **look)
    ax.fill_between(x, mean - half, mean + half, color=look["color"], alpha=0.18)


def running_mean(y, count):
    """The mean of the last `count` values up to each; of fewer at the start."""
    total = np.cumsum(np.r_[0.0, y])
    first = np.maximum(np.arange(1, len(y) + 1) - count, 0)
    return (total[1:] - total[first]) / (np.arange(1, len(y) + 1) - first)


def per_seed(groups, ylabel, caption, **axes):
    """A column per {name: values}: a dot per seed, the mean, its 95 % interval."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(max(4.0, 1.1 * len(groups) + 1.6), 3.6))
    text = []
    for i, (name, values) in enumerate(groups.items()):
        mean, half = interval(values)
        offsets = np.linspace(-0.12, 0.12, len(values))
        ax.plot(i + offsets, values, "o", color=COLOURS["sky"], markersize=4)
        ax.errorbar(i + 0.25, mean, half, fmt="D", color=COLOURS["blue"], capsize=4)
        text.append(f"{name} {mean:.3g} ± {half:.2g}")
    ax.set_xticks(range(len(groups)), groups)
    ax.set(ylabel=ylabel, xlabel=axes.pop("xlabel", " "), **axes)
    ax.grid(axis="x", visible=False)
    show(fig, f"{ylabel}, a dot per seed: {'; '.join(text)}. {caption}", caption)


def bars(values, ylabel, caption, **axes):
    """A horizontal bar for each {name: number}, with its value written beside it."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 0.45 * len(values) + 1.0))
    drawn = ax.barh(list(values), list(values.values()), color=COLOURS["blue"])
    ax.bar_label(drawn, fmt="{:,.3g}", padding=3)
    ax.invert_yaxis()
    ax.set(xlabel=ylabel, ylabel=axes.pop("xlabel", " "), **axes)
    ax.margins(x=0.15)
    ax.grid(axis="y", visible=False)
    text = "; ".join(f"{name} {value:.3g}" for name, value in values.items())
    show(fig, f"Bars of {ylabel}: {text}. {caption}", caption)


def boxes(items, caption, thinnest=0.07):
    """Matrices as rectangles in proportion to their shapes, with text between them.

    items: texts such as "+", and (name, (rows, columns), colour, note). A side shorter
    than `thinnest` of the longest is drawn that thick, so that it can be seen.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8.0, 3.0))
    longest = max(max(item[1]) for item in items if not isinstance(item, str))
    right, text = 0.0, []
    for item in items:
        if isinstance(item, str):
            ax.text(right + 0.13, 0, item, ha="center", va="center", fontsize=15)
            right += 0.26
            continue
        right = _box(ax, right, *item, longest=longest, thinnest=thinnest)
        text.append(f"{item[0]} {item[1][0]} × {item[1][1]}, {item[3]}")
    ax.set(xlim=(-0.05, right + 0.05), ylim=(-0.92, 0.62), aspect="equal")
    ax.axis("off")
    show(fig, f"Matrices as boxes: {'; '.join(text)}. {caption}", caption)


def _box(ax, left, name, shape, colour, note, longest, thinnest):
    """Draw one matrix at `left`; returns where the next may start."""
    import matplotlib.pyplot as plt

    height, width = (max(side / longest, thinnest) for side in shape)
    room = max(width, 0.5)
    x, y = left + (room - width) / 2, -height / 2
    face = {
        "facecolor": COLOURS.get(colour, colour),
        "edgecolor": "black",
        "alpha": 0.55,
    }
    ax.add_patch(plt.Rectangle((x, y), width, height, **face))
    fits = min(height, width) > 0.25
    middle = (left + room / 2, 0 if fits else height / 2 + 0.07)
    ax.text(*middle, name, ha="center", va="center", fontsize=15, weight="bold")
    size = f"{shape[0]} × {shape[1]}\n{note}"
    ax.text(left + room / 2, y - 0.04, size, ha="center", va="top", fontsize=9)
    return left + room
