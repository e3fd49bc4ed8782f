"""Chapter 11: "What to set": the rule (11.7) at work, and the table of advice."""

import numpy as np

from tinyft.course.lessons.safeguards.ch11_advice import arms, gains, verdict

SCALES = ("τ = sd", "flat")  # flat: τ = 1


def costs(study, method):
    """{λ: (cost, error)} of (11.7): the loss above the best λ's, over ten seeds."""
    losses = {
        lam: np.array(a.values("valid")) for lam, a in arms(study, method).items()
    }
    low = min(losses, key=lambda lam: losses[lam].mean())
    worse = {lam: losses[lam] - losses[low] for lam in losses}
    return {lam: (d.mean(), d.std(ddof=1) / len(d) ** 0.5) for lam, d in worse.items()}


def strength(study, method="flat"):
    """The largest λ whose validation loss lies within one standard error of the best."""
    found = costs(study, method)
    return max(lam for lam, (cost, error) in found.items() if cost <= error)


def choice(study):
    """(titles, rows): λ, and for either τ cost, error and whether (11.7) allows it."""
    rows = [[lam] for lam in costs(study, SCALES[0])]
    for method in SCALES:
        chosen = strength(study, method)
        for row, (cost, error) in zip(rows, costs(study, method).values()):
            word = "chosen" if row[0] == chosen else "yes" if cost <= error else "no"
            row += [f"{cost:.4f}", f"{error:.4f}", word]
    titles = (
        f"{name}: {what}"
        for name in ("τ = sd", "τ = 1")
        for what in ("cost", "error", "allowed?")
    )
    return ["λ", *titles], rows


def advice(study):
    """Rows (what, start with, measured) of "What to set"."""
    far, lam = arms(study, "τ = sd"), strength(study, "τ = sd")
    old, new = (
        ", ".join(f"{np.mean(a.values(k)):.2f}" for a in far.values())
        for k in ("source", "target")
    )
    held, weighed, scaled = (
        verdict(gains(study, *pair))
        for pair in (("flat", "L2-SP"), ("1 − s", "flat"), ("τ = sd", "flat"))
    )
    rates = [f"{a[0]['settings']['lr']:g}" for a in arms(study, "flat", None).values()]
    return [
        ["penalty", "on features, flat", f"minus L2-SP: {held}"],
        ["scores s", "leave them out", f"1 − s minus flat: {weighed}"],
        ["τ", "the sd of each feature at the start", f"minus τ = 1: {scaled}"],
        [
            "λ, for that τ",
            f"{lam:g}; then choose by (11.7)",
            f"λ = {', '.join(f'{k:g}' for k in far)}: old {old}; new {new}",
        ],
        [
            "learning rate",
            "find it again for your λ",
            f"flat, τ = 1, the best for each λ: {', '.join(rates)}",
        ],
        ["bins, if you want scores", "4 with 50 examples", "by custom; see figure 1"],
        _new_task_only(study, far),
    ]


def _new_task_only(study, far):
    """The row for a reader who does not need the old task: the smallest λ, or none."""
    none, frozen = (
        np.array(arms(study, m)[0.0].values("target")) for m in ("none", "frozen")
    )
    lam = min(far)
    light = np.array(far[lam].values("target"))
    return [
        "if only the new task counts",
        "no penalty, or a small λ",
        f"new: {none.mean():.2f} without, {frozen.mean():.2f} frozen; λ = {lam:g} minus "
        f"without: {verdict(light - none)}",
    ]
