"""Chapter 27: the drawing of its ideas, and old against new accuracy along the paths."""

from tinyft.course.lessons.several import ch27_tables as tables
from tinyft.course.plot import COLOURS, DASHES, MARKS, show

PANELS = (  # title, {name: point}, arrows from θ0, the merged point, what it is
    (
        "back to the base",
        {"θ1": (2.6, 1.3)},
        (1.56, 0.78),
        "θ(α): on the line",
    ),
    (
        "a soup",
        {"θ1": (2.9, 2.1), "θ2": (2.9, 0.5), "θ3": (1.0, 2.1)},
        (2.27, 1.57),
        "their average",
    ),
    (
        "tasks as vectors",
        {"θ0 + τ1": (2.4, 0.3), "θ0 + τ2": (0.4, 1.9)},
        (1.68, 1.32),
        "θ0 + λ(τ1 + τ2)",
    ),
)


def ideas(caption):
    """Three ways to merge: points are networks, arrows are what fine-tuning added."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(9.4, 2.7))
    for ax, (title, ends, merged, what) in zip(axes, PANELS):
        for name, (x, y) in ends.items():
            look = {"arrowstyle": "-|>", "color": COLOURS["blue"], "lw": 1.6}
            ax.annotate("", (x, y), (0, 0), arrowprops=look)
            ax.text(x + 0.08, y + 0.06, name, fontsize=9)
        ax.plot(0, 0, "ks", markersize=7)
        ax.text(-0.1, -0.32, "θ0, the base", fontsize=9)
        ax.plot(*merged, "D", color=COLOURS["vermilion"], markersize=8)
        ax.text(merged[0] + 0.15, merged[1] - 0.3, what, fontsize=9,
                color=COLOURS["vermilion"])  # fmt: skip
        ax.set_title(title, fontsize=10)
        ax.set(xlim=(-0.3, 4.0), ylim=(-0.5, 2.5))
        ax.axis("off")
    text = "; ".join(f"{title}: {what}" for title, _, _, what in PANELS)
    show(
        fig,
        f"Three drawings of points and arrows from the base. {text}. {caption}",
        caption,
    )


def plane(study, task, caption):
    """Old against new test accuracy, mean of the seeds, along the path of each rate."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(5.6, 4.0))
    text = []
    for i, lr in enumerate(tables.PATH_RATES):
        found = tables.paths(study, task, lr)
        old, new = (100 * tables.curve(found, kind).mean(0) for kind in ("old", "new"))
        colour = list(COLOURS.values())[i]
        ax.plot(old, new, MARKS[i], color=colour, linestyle=DASHES[i], markersize=4,
                label=f"rate {lr:g}")  # fmt: skip
        ax.plot(old[-1], new[-1], MARKS[i], color=colour, markersize=10)
        text.append(f"rate {lr:g} ends at old {old[-1]:.0f} %, new {new[-1]:.0f} %")
    ax.set(xlabel="accuracy on the old digits (%)", ylabel=f"accuracy on {task} (%)")
    ax.legend(loc="lower left")
    show(fig, f"Three curves from the base to fine-tuned models: {'; '.join(text)}. "
         f"{caption}", caption)  # fmt: skip
