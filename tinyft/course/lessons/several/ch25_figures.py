"""Chapter 25: its pictures."""

import numpy as np

from tinyft.course import plot
from tinyft.course.experiment import interval
from tinyft.course.lessons.several import ch25_linear as linear
from tinyft.course.lessons.several import ch25_results as results
from tinyft.course.lessons.several import ch25_setting as setting
from tinyft.course.plot import COLOURS, DASHES, MARKS


def worlds(caption):
    """Five test images in every world, with the label that the world gives them."""
    import matplotlib.pyplot as plt

    fig, grid = plt.subplots(1, 23, figsize=(9.6, 1.0))
    for ax in grid[5::6]:
        ax.axis("off")  # a gap between two worlds
    for i, name in enumerate(setting.WORLDS):
        x, y = setting.world(name, "test")
        for j, ax in enumerate(grid[6 * i : 6 * i + 5]):
            ax.imshow(x[j + 4].reshape(8, 8), cmap="gray_r")
            ax.axis("off")
            ax.text(0.5, -0.3, int(y[j + 4]), transform=ax.transAxes, ha="center")
        grid[6 * i + 2].set_title(name, fontsize=10)
    text = "Five 8 × 8 digits in each world, labels below: "
    plot.show(fig, text + ", ".join(setting.WORLDS) + f". {caption}", caption)


def networks(caption):
    """One output for both tasks, and a trunk with two heads; dashed: whose gradient."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.5), sharex=True, sharey=True)
    plain = [("images", 0, 1, "0.85"), ("32 units", 2, 1, "0.85")]
    _boxes(
        axes[0], "one head", [*plain, ("10 outputs", 4, 1, "0.85")], ((0, 1), (1, 2))
    )
    _gradients(axes[0], (4, 1, "A", "blue"), (4, 1, "B", "vermilion"))
    heads = [("head A", 4, 1.7, COLOURS["sky"]), ("head B", 4, 0.3, COLOURS["orange"])]
    trunk = [plain[0], ("trunk, 32", 2, 1, "0.85"), *heads]
    _boxes(axes[1], "a head for each task", trunk, ((0, 1), (1, 2), (1, 3)))
    _gradients(axes[1], (4, 1.7, "A", "blue"), (4, 0.3, "B", "vermilion"))
    text = "Boxes: images, 32 units, 10 outputs; images, trunk, head A and head B."
    plot.show(
        fig, f"{text} Dashed arrows are the gradients of A and B. {caption}", caption
    )


def _boxes(ax, title, boxes, links):
    for name, x, y, colour in boxes:
        look = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "0.3"}
        ax.text(x, y, name, ha="center", va="center", bbox=look, zorder=3)
    for a, b in links:
        (_, x0, y0, _), (_, x1, y1, _) = boxes[a], boxes[b]
        ax.annotate(
            "", (x1 - 0.6, y1), (x0 + 0.55, y0), arrowprops={"arrowstyle": "->"}
        )
    ax.set(title=title, xlim=(-0.7, 5.9), ylim=(-0.3, 2.3))
    ax.axis("off")


def _gradients(ax, *tasks):
    """Dashed arrows from a task's loss, at the right, to its head and on to the trunk."""
    for i, (x, y, task, colour) in enumerate(tasks):
        shift = 0.22 if i == 0 else -0.22
        look = {"arrowstyle": "->", "linestyle": "--", "color": COLOURS[colour]}
        start = (x + 1.5, y + (shift if tasks[0][1] == tasks[1][1] else 0))
        ax.text(*start, f"$g_{task}$", color=COLOURS[colour], va="center", fontsize=12)
        ax.annotate("", (x + 0.65, start[1]), start, arrowprops=look)
        ax.annotate("", (2.65, 1 + shift), (x - 0.65, y + shift), arrowprops=look)


def cosines(lines, caption, smooth=40):
    """Running means of cosines {pair of tasks: (steps,)}, over the steps."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 3.6))
    text = []
    for i, (name, y) in enumerate(lines.items()):
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i]}
        mean = plot.running_mean(y, smooth)
        at = np.arange(smooth, len(y))  # from the first full mean
        ax.plot(at, mean[at], label=name, **look)
        text.append(f"{name} from {mean[smooth]:+.2f} to {mean[-1]:+.2f}")
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set(xlabel="step", ylabel="cosine of the two gradients")
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    plot.show(
        fig, f"Lines of cosines over steps: {'; '.join(text)}. {caption}", caption
    )


def arrows(g1, g2, projected, caption):
    """Two gradients in the plane, projected, and both sums."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.0, 3.2), sharex=True, sharey=True)
    before = {"$g_A$": g1, "$g_B$": g2, "sum": g1 + g2}
    after = {"$g_A'$": projected[0], "$g_B'$": projected[1], "sum": sum(projected)}
    colours = [COLOURS[c] for c in ("blue", "vermilion", "black")]
    for ax, found, title in zip(axes, (before, after), ("as they are", "PCGrad")):
        for (name, g), colour in zip(found.items(), colours):
            look = {"width": 0.012, "color": colour, "zorder": 3}
            ax.quiver(0, 0, *g, angles="xy", scale_units="xy", scale=1, **look)
            ax.text(*(1.12 * g), name, color=colour, ha="center", va="center")
        ax.set(title=title, xlabel="first coordinate", aspect="equal")
    ends = np.array([*before.values(), *after.values(), [0, 0]])
    low, high = ends.min(0) - 0.5, ends.max(0) + 0.5
    axes[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes[0].set_ylabel("second coordinate")
    text = "; ".join(f"{k} ({v[0]:.2f}, {v[1]:.2f})" for k, v in after.items())
    plot.show(fig, f"Arrows in the plane, before and after: {text}. {caption}", caption)


def risks(n, d, noise, caption, top=2.0):
    """Excess risk against D: apart, pooled, best weight; dots are simulated."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    D = np.linspace(0, top, 60)
    weights = {
        "task 1 alone (a = 0)": lambda at: 0.0,
        "pooled (a = 1)": lambda at: 1.0,
        "best weight": lambda at: linear.best_weight(n, d, noise, at),
    }
    text = []
    for i, (name, weight) in enumerate(weights.items()):
        y = [linear.risk(n, d, noise, at, weight(at)) for at in D]
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i]}
        ax.plot(D, y, label=name, **look)
        dots = D[::12]
        found = [linear.simulated(n, d, noise, at, weight(at)) for at in dots]
        ax.plot(dots, found, MARKS[i], color=look["color"], markersize=5)
        text.append(f"{name} from {y[0]:.2f} to {y[-1]:.2f}")
    ax.set(xlabel="D, squared difference of the two true weights")
    ax.set(ylabel="excess risk on task 1", ylim=(0, None))
    ax.legend(fontsize=9)
    plot.show(fig, f"Excess risk against D: {'; '.join(text)}. {caption}", caption)


def helpers(study, caption):
    """Helper minus none, in points: in both trunks, a dot per seed."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8.4, 3.6))
    names, text = [], []
    arms = [("helper", other, 1.0) for other in ("digit", "side", "noise")]
    arms += [
        ("narrow", "digit", 1.0),
        ("narrow", "side", 1.0),
        ("narrow", "side", 10.0),
    ]
    for at, (part, other, weight) in enumerate(arms):
        alone = results.helper(study, "none", part=part)
        found = results.helper(study, other, part=part, weight=weight)
        room = "trunk of 16" if part == "helper" else "trunk of 4"
        name = f"{other}, a = {weight:g}\n{room}"
        colour, mark = (("blue", "o"), ("orange", "s"))[part == "narrow"]
        colour = COLOURS[colour]
        values = 100 * results.differences(found, alone, "test")
        mean, half = interval(values)
        spread = at + np.linspace(-0.15, 0.15, len(values))
        ax.plot(spread, values, mark, color=colour, alpha=0.5, markersize=4)
        ax.errorbar(at + 0.28, mean, half, fmt="D", color=colour, capsize=4)
        names.append(name)
        text.append(f"{other}, a = {weight:g}, {room} {mean:+.1f} ± {half:.1f}")
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xticks(range(len(names)), names)
    ax.set(
        xlabel="helper and the weight of its loss", ylabel="error minus without, points"
    )
    ax.grid(axis="x", visible=False)
    plot.show(fig, f"Change of the error: {'; '.join(text)}. {caption}", caption)
