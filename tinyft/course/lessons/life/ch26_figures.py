"""Chapter 26: its figures."""

import numpy as np

from tinyft.course import plot
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_results as results


def domains(caption):
    """Two test digits in each of the five domains."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 5, figsize=(6.4, 2.7))
    for column, (name, task) in enumerate(zip(lesson.DOMAINS, lesson.tasks())):
        x, y = task["test"]
        for row, i in enumerate((np.argmax(y == 2), np.argmax(y == 6))):
            ax = axes[row, column]
            ax.imshow(x[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.axis("off")
            if not row:
                ax.set_title(f"{column + 1}. {name}", fontsize=10)
    alt = f"A test 2 and a test 6 in five domains: {', '.join(lesson.DOMAINS)}."
    plot.show(fig, alt, caption)


def matrix(R, names, caption):
    """The table of accuracies as squares with their numbers."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(5.2, 3.8))
    drawn = ax.imshow(np.ma.masked_invalid(R), cmap="cividis", vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(np.isfinite(R))):
        colour = "black" if R[i, j] > 0.55 else "white"
        ax.text(j, i, f"{R[i, j]:.2f}", ha="center", va="center", color=colour)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), [f"{i + 1}. {n}" for i, n in enumerate(names)])
    ax.set(xlabel="test images of task", ylabel="after training on task")
    ax.grid(visible=False)
    fig.colorbar(drawn, label="accuracy")
    rows = "; ".join(
        f"after {n} " + " ".join(f"{v:.2f}" for v in row[: i + 1])
        for i, (n, row) in enumerate(zip(names, R))
    )
    plot.show(fig, f"Accuracy on each task after each task: {rows}. {caption}", caption)


def plane(old, new, start, ends, caption):
    """Two losses over two weights as contours, and where each method ends.

    old, new: (X, y).  start: the old solution (2,).  ends: {method: (2,)}.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 4.4))
    a, b = np.meshgrid(np.linspace(-2.2, 2.2, 80), np.linspace(-1.8, 2.8, 80))
    grid = np.stack([a, b], axis=-1)
    for (X, y), colour, dash in ((old, "0.45", "--"), (new, plot.COLOURS["sky"], "-")):
        loss = ((grid @ X.T - y) ** 2).mean(axis=-1) / 2
        levels = (0.05, 0.3, 1.0, 2.5)
        ax.contour(a, b, loss, levels, colors=colour, linestyles=dash, linewidths=1.0)
    ax.plot(*start, "k*", markersize=12, label="old solution")
    for i, (name, w) in enumerate(ends.items()):
        colour = list(plot.COLOURS.values())[(i * 5 + 1) % 8]
        ax.annotate("", w, start, arrowprops={"arrowstyle": "-", "color": "0.85"})
        ax.plot(*w, plot.MARKS[i], color=colour, label=name, markersize=8)
    ax.set(xlabel="weight 1", ylabel="weight 2")
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    said = "; ".join(f"{name} at {w[0]:.1f}, {w[1]:.1f}" for name, w in ends.items())
    plot.show(
        fig, f"Contours of an old and a new loss; ends: {said}. {caption}", caption
    )


def buffer(study, caption):
    """Final accuracy and forgetting against the size of the buffer, both sequences."""
    curves = {}
    for kind in grids.GRIDS:
        runs = [grids.chosen(study, kind, grids.KEPT, n) for n in grids.SIZES]
        for score in ("final", "forgetting"):
            name = f"{kind}: {'final accuracy' if score == 'final' else score}"
            curves[name] = np.transpose([one.values(score) for one in runs])
    plot.curves(
        curves,
        "images kept of each task",
        "share",
        caption,
        x=grids.SIZES,
        xscale="log",
        ylim=(-0.05, 1.0),
    )


def fishers(study, caption):
    """Final test accuracy against λ for each Fisher, the mean of the first two seeds."""
    curves = {}
    for name in grids.FISHERS:
        found = study.where(kind="domains", method=f"EWC, {name}", lr=grids.FISHER_RATE)
        means = [found.where(strength=s).values("final")[:2] for s in grids.STRENGTHS]
        curves[name] = np.mean(means, axis=1)
    plot.curves(
        curves,
        "strength λ",
        "final accuracy, two seeds",
        caption,
        x=grids.STRENGTHS,
        levels={"nothing": results.mean(study, "domains", grids.NONE, "final")},
        xscale="log",
    )


def angle(law, caption):
    """Forgetting of two one-example tasks against their angle; law: {degrees: value}."""
    plot.curves(
        {"sin² a cos² a": list(law.values())},
        "angle between the two inputs (degrees)",
        "forgetting / |(I − P₁)w*|²",
        caption,
        x=list(law),
    )
