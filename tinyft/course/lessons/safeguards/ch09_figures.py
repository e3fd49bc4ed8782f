"""Chapter 09: its figures, from the study and the path of least squares; what to set."""

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.lessons.safeguards.ch09_l2sp import HEAD_PULL, STRENGTHS
from tinyft.course.plot import COLOURS, show

LOOKS = ("test", "new task", "blue", "o"), ("source", "old task", "vermilion", "s")


def against_plain(study, score, lr=None, task="near, 3 labels"):
    """{λ: five paired differences from λ = 0, in points}; lr None: each λ's best rate."""

    def at(lam):
        method = "L2-SP" if lam else "plain"
        found = study.where(task=task, method=method, strength=lam)
        return found.at_best_rate() if lr is None else found.where(lr=lr)

    plain = at(0.0).values(score)
    return {
        lam: 100 * np.subtract(at(lam).values(score), plain)
        for lam in STRENGTHS["L2-SP"]
    }


def draw_strengths(study, lr):
    """Figure 1: both tasks against λ, at one rate and at each λ's own best rate."""
    import matplotlib.pyplot as plt

    fig, panels = plt.subplots(1, 2, figsize=(8.2, 3.4), sharey=True)
    titles = f"every λ at rate {lr:g}", "every λ at its own best rate"
    for ax, rate, title in zip(panels, (lr, None), titles):
        for side, (score, name, colour, mark) in zip((-0.07, 0.07), LOOKS):
            found = against_plain(study, score, rate)
            mean, half = np.transpose([interval(v) for v in found.values()])
            at = np.arange(len(found)) + side
            ax.errorbar(at, mean, half, fmt=mark + "-", color=COLOURS[colour],
                        capsize=3, label=name)  # fmt: skip
        ax.axhline(0, color="0.5", linewidth=0.8)
        ax.set_xticks(range(len(found)), [f"{lam:g}" for lam in found])
        ax.set(xlabel="λ", title=title)
    panels[0].set_ylabel("points of accuracy, minus plain")
    panels[0].legend(fontsize=9)
    plain = study.where(task="near, 3 labels", method="plain").best_rate()
    show(fig, "Two panels of points with error bars against λ, the new and the old task "
         "minus plain fine-tuning: left all at one rate, right each at its own best rate.",
         "Figure 1. Near, three labels: L2-SP minus plain fine-tuning, paired over five "
         f"seeds, bars 95 %. Left: both at rate {lr:g}. Right: each at the rate of its own "
         f"least validation loss on the new task, plain at {plain:g}. The same λ looks "
         "better on the left, where plain has to take a rate not its best.")  # fmt: skip


def draw_path(X, y, path, ends, marks):
    """Figure 3: contours of the loss, the path θ*(λ), and the line between its ends.

    path (count, 2); ends: least squares and the start, (2,) each; marks {text: (2,)}.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.2, 4.2))
    grid = np.stack(np.meshgrid(np.linspace(-0.4, 1.9, 99), np.linspace(-1.1, 2.0, 99)))
    height = ((np.einsum("nd,dij->nij", X, grid) - y[:, None, None]) ** 2).mean(0)
    ax.contour(*grid, np.sqrt(height), levels=8, colors="0.75", linewidths=0.8)
    ax.plot(*path.T, color=COLOURS["blue"], label="θ*(λ), λ from 0 to ∞")
    ax.plot(*zip(*ends), "--", color=COLOURS["orange"], label="straight line")
    for text, at in marks.items():
        ax.plot(*at, "o", color="k", markersize=4)
        side, offset = ("left", (8, 4)) if at is ends[1] else ("right", (-12, -13))
        ax.annotate(text, at, offset, textcoords="offset points", ha=side)
    ax.set(xlabel="first weight θ₁", ylabel="second weight θ₂")
    ax.legend(loc="upper right")
    show(fig, "Contours of a narrow quadratic valley in the plane of two weights. A blue "
         "curve leads from the least-squares solution along a bend to the start θ0; the "
         "dashed straight line between the two ends lies well apart from it.",
         "Figure 3. Grey: lines of equal loss, a narrow valley. Raising λ, θ* first "
         "runs along the valley and only then climbs to the start.")  # fmt: skip


def settings(chosen, both, equal, gained, harm):
    """Rows of section 6, (what, start, measured); the arguments are measured texts."""
    return [
        ["λ and the rate, together", "λ 0, 0.1, 0.3; rates × 3",
         f"chosen λ, rate: {chosen}"],
        ["λ, if the old task matters", "validate on images of both tasks",
         f"λ = 0.3 minus plain, own rates: {both}"],
        ["λ without validation labels", "0.1: it insures against too high a rate",
         f"λ = 0.1 minus plain: {equal}"],
        ["labels per class", "1: try it; 3 or more: no settled gain on the new task",
         f"new task minus plain: {gained}"],
        ["a new head", "no start: `head=`, decay μ to 0",
         f"by custom, not varied: μ = {HEAD_PULL:g}"],
        ["the optimiser's weight decay", "0 if the old task matters: it moves the "
         "anchor, (9.17)", f"far, old task, decay beside L2-SP: {harm}"],
        ["BatchNorm", "freeze its statistics", "Reference: not held by any λ"],
    ]  # fmt: skip
