"""Chapter 09: its figures and tables, from the study and from least squares."""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.safeguards.ch09_l2sp import (
    BOTH,
    DIVERGED,
    EQUAL,
    HEAD_PULL,
    HOLD,
    RACE,
    STRENGTHS,
    WEAK,
    differences,
    points,
)
from tinyft.course.plot import COLOURS, show

LOOKS = ("test", "new task", "blue", "o"), ("source", "old task", "vermilion", "s")


def race_rows(best, methods):
    """Rows of the race: task, method, its setting, and both tasks against plain.

    best: {task: {method: its five runs}}; methods: the names to show.
    """
    rows = []
    for name, found in best.items():
        for method in methods:
            runs, plain, cells = found[method], found["plain"], []
            for score in ("test", "source"):
                values = runs.values(score)
                against = points(values, plain.values(score))
                cells += [said(values, 3), "" if method == "plain" else against]
            s, far = runs[0]["settings"], said(runs.values("distance"), 2)
            strength = f"{s['strength']:g}" if s["strength"] else ""
            rows.append([name, method, strength, f"{s['lr']:g}", *cells, far])
    return rows


def own_rates(study):
    """{(task, λ): L2-SP minus plain on both tasks}, each at its own best rate."""
    return {
        (name, lam): differences(study, name, [(("L2-SP", lam), ("plain", 0.0))])
        for name in RACE
        for lam in STRENGTHS["L2-SP"]
    }


def rate_rows(study, same):
    """Rows of both at one rate: {(task, rate): differences}, with the old task's values."""
    rows = []
    for (name, lr), (new, old) in same.items():
        runs = study.where(task=name, lr=lr)
        each = [
            runs.where(method=m, strength=lam).values("source")
            for m, lam in (("plain", 0.0), ("L2-SP", HOLD))
        ]
        if lr < max(BOTH):  # there most runs diverge
            rows.append([name, lr, new, *(said(v, 3) for v in each), old])
    return rows


def diverged(study):
    """ "plain, near, 1 label, rate 0.1: 5; ...": how many of five runs, where any did."""
    found = []
    for method, lam in (("plain", 0.0), ("L2-SP", HOLD)):
        for name in RACE:
            runs = study.where(task=name, method=method, strength=lam)
            for lr, far in runs.by("lr", "distance").items():
                if lr in BOTH and max(far) == DIVERGED:
                    times = far.count(DIVERGED)
                    found.append(f"{method}, {name}, rate {lr:g}: {times}")
    return "; ".join(found)


def decay_rows(study):
    """{(task, rate): decay beside L2-SP minus none, decay alone minus none}, both tasks."""
    weak, held = ("decay to 0", WEAK[1]), ("L2-SP", HOLD)
    pairs = [(("L2-SP + decay", WEAK[1]), held), (weak, ("plain", 0.0))]
    return {
        (name, lr): differences(study, name, pairs, lr) for name in RACE for lr in EQUAL
    }


def draw_line(start, target, found):
    """One weight on a line: its start, the label's value, θ* for {λ: θ*}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 1.3))
    ends = {"θ₀, the start": start, "y, the label": target}
    for text, at in ends.items():
        ax.plot(at, 0, "|", color="k", markersize=18)
        ax.annotate(text, (at, 0), (0, 16), textcoords="offset points", ha="center")
    for lam, at in found.items():
        ax.plot(at, 0, "o", color=COLOURS["blue"])
        ax.annotate(f"λ = {lam:g}", (at, 0), (0, -20), textcoords="offset points",
                    ha="center")  # fmt: skip
    ax.set(
        xlabel="θ",
        ylabel=" ",
        yticks=[],
        ylim=(-1, 1),
        xlim=(start - 0.4, target + 0.4),
    )
    show(fig, f"A line of numbers with the start {start:g}, the label {target:g} and θ* "
         "between them: " + ", ".join(f"{at:.3g} for λ = {lam:g}" for lam, at in
                                      found.items()) + ".")  # fmt: skip


def draw_strengths(study):
    """Figure 1: both tasks against λ, each λ at its own best rate, a panel per task."""
    import matplotlib.pyplot as plt

    fig, panels = plt.subplots(1, len(RACE), figsize=(9.0, 3.3), sharey=True)
    for ax, name in zip(panels, RACE):
        plain = study.where(task=name, method="plain").at_best_rate()
        for side, (score, text, colour, mark) in zip((-0.07, 0.07), LOOKS):
            runs = [study.where(task=name, method="L2-SP", strength=lam).at_best_rate()
                    for lam in STRENGTHS["L2-SP"]]  # fmt: skip
            gaps = [100 * np.subtract(one.values(score), plain.values(score))
                    for one in runs]  # fmt: skip
            mean, half = np.transpose([interval(one) for one in gaps])
            ax.errorbar(np.arange(len(runs)) + side, mean, half, fmt=mark + "-",
                        color=COLOURS[colour], capsize=3, label=text)  # fmt: skip
        ax.axhline(0, color="0.5", linewidth=0.8)
        ax.set_xticks(range(len(runs)), [f"{lam:g}" for lam in STRENGTHS["L2-SP"]])
        ax.set(xlabel="λ", title=name)
    panels[0].set_ylabel("points of accuracy, minus plain")
    panels[0].legend(fontsize=9, loc="lower left")
    show(fig, "Three panels, a task each, of points with error bars against λ: L2-SP minus "
         "plain fine-tuning. With three labels the new task falls and the old one rises.",
         "Figure 1. L2-SP minus plain fine-tuning, paired over five seeds, bars 95 %. λ "
         "and plain each at the rate of its own least validation loss on the new task. "
         "With three labels the old task gains to the right, the new loses.")  # fmt: skip


def draw_risk(grid, errors, best, least):
    """Figure 2: measured squared error against λ, with (9.13)'s λ* and R*."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    ax.plot(grid, errors, "o-", color=COLOURS["blue"], label="measured")
    ax.axhline(least, color="0.45", linestyle="--", linewidth=1.1, label="R* of (9.13)")
    ax.axvline(best, color="0.45", linestyle=":", linewidth=1.1, label="λ* of (9.13)")
    ax.set(xlabel="λ", ylabel="squared error of θ", xscale="log")
    ax.legend(fontsize=9)
    show(fig, f"Squared error of θ against λ: it starts at {errors[0]:.3f}, falls to "
         f"{min(errors):.3f} near λ = {best:.2f} and rises to {errors[-1]:.3f}.",
         "Figure 2. Simulated. Left end: least squares. Right end: the untouched start. "
         "Between them both are beaten.")  # fmt: skip


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


def settings(race, equal, hint, insured, many, decay, unsettled):
    """Rows of section 6, (set, because); the arguments are measured differences."""
    return [
        ["the rate before λ, by factors of 3; then λ = 0, 0.1, 0.3 with it",
         f"near, 1 label: at tuned rates {race}; at one rate {equal}"],
        ["old task matters: validate on images of *both* tasks, start at λ = 0.3",
         f"far, old task: {hint} (test images, so a hint)"],
        ["no validation labels: λ = 0.1",
         f"far, old task, at a rate of 0.03: {insured}"],
        ["many labels: λ = 0", f"near, 20 per class, new task: {many}"],
        ["a new head: `head=`, decay μ to 0", f"by custom, not varied: μ = {HEAD_PULL:g}"],
        ["the optimiser's weight decay: 0 if the old task matters",
         f"far, old task, at a rate of 0.03: {decay}; not settled in {unsettled} other "
         "pairs of task and rate"],
        ["BatchNorm: freeze its statistics", "no λ holds them (Reference)"],
    ]  # fmt: skip
