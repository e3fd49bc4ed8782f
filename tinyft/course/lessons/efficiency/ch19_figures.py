"""Chapter 19: memory in four parts, and the Pareto fronts."""

import numpy as np

from tinyft import efficiency
from tinyft.course.lessons.efficiency.ch19_tables import PARTS, points
from tinyft.course.plot import COLOURS, MARKS, show


def draw_parts(columns, caption):
    """Stacked bars of the four parts; columns: {name: a Cost or a Plan}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.6, 3.8))
    left, colours = np.zeros(len(columns)), ("0.6", "#E69F00", "#D55E00", "#56B4E9")
    for part, colour in zip(PARTS, colours):
        sizes = np.array([getattr(c, part) for c in columns.values()]) / 1e9
        ax.barh(list(columns), sizes, left=left, color=colour, label=part)
        left += sizes
    for i, total in enumerate(left):
        ax.text(total, i, f" {total:.1f}", va="center", fontsize=9)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set(xlabel="GB of one training step", ylabel=" ")
    ax.legend(ncols=4, fontsize=9, loc="upper center", bbox_to_anchor=(0.4, 1.14))
    text = "; ".join(f"{name} {total:.1f} GB" for name, total in zip(columns, left))
    show(fig, f"Stacked bars of memory in four parts: {text}. {caption}", caption)


def draw_front(found, caption):
    """Gain against trained numbers and against bytes; the front of each is joined."""
    import matplotlib.pyplot as plt

    fig, both = plt.subplots(1, 2, figsize=(9.6, 4.4), sharey=True)
    named = {name: point for name, point in points(found).items() if point[0] > 0}
    lost = ", ".join(name for name in found if name not in named)
    caption += (
        f" Not drawn, as they lose accuracy: {lost.replace(', words', ' of words')}."
    )
    for ax, k, label in zip(both, (1, 3), ("trained numbers", "MB of a training step")):
        scale = 1e6 if k == 3 else 1
        seen = {name: (p[0], p[k] / scale) for name, p in named.items()}
        on = efficiency.pareto(seen, ("high", "low"))
        for name, (gain, size) in seen.items():
            look = {"color": COLOURS["blue"], "marker": MARKS[0]}
            if name not in on:
                look = {"color": "0.65", "marker": "x"}
            ax.plot(size, gain, linestyle="", markersize=5, **look)
            if name in on or name in ("full", "LoRA r=4", "last block", "Pfeiffer"):
                place = (-4, 34) if k == 3 and name == "LoRA r=4" else (3, -10)
                line = {"arrowstyle": "-", "lw": 0.6} if place[1] > 0 else None
                ax.annotate(name, (size, gain), place, textcoords="offset points",
                            fontsize=8, arrowprops=line)  # fmt: skip
        line = sorted((seen[name] for name in on), key=lambda point: point[1])
        ax.plot(
            [s for _, s in line], [g for g, _ in line], color=COLOURS["blue"], lw=0.8
        )
        ax.set(xlabel=label, xscale="log" if k == 1 else "linear")
        ax.margins(x=0.12)
    both[0].set_ylabel("gain in accuracy (percentage points)")
    text = ", ".join(efficiency.pareto(named, ("high", "low", "low", "low")))
    show(
        fig,
        f"Two scatter plots of gain against cost. On the front: {text}. {caption}",
        caption,
    )
