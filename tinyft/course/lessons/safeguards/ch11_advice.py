"""Chapter 11: the runs of `tinyft study 11` read, drawn, and put into words."""

import numpy as np

from tinyft.course.experiment import SEEDS, interval
from tinyft.course.lessons.safeguards.ch11_information_bottleneck import (
    base,
    relevances,
)
from tinyft.course.plot import COLOURS, DASHES, MARKS, show

OLD = 0.88  # the old accuracy at which methods are compared


# --- reading the study -----------------------------------------------------------------
def best_runs(study, method):
    """{strength: its runs at the best rate} of a method."""
    arms = study.where(method=method)
    found = sorted({run["settings"]["strength"] for run in arms})
    return {lam: arms.where(strength=lam).at_best_rate() for lam in found}


def at_equal(study, method, score, by, value):
    """A score of every seed, where the method's `by` has that value, interpolated.

    by: "moved" or "source", which λ changes. NaN where no λ of the study reaches it.
    """
    arms = best_runs(study, method).values()
    xs, ys = (np.array([arm.values(k) for arm in arms]).T for k in (by, score))
    orders = np.argsort(xs, axis=1)
    return [
        np.interp(value, x[i], y[i], left=np.nan, right=np.nan)
        for x, y, i in zip(xs, ys, orders)
    ]


def verdict(difference):
    """Paired differences in words: their interval, and whether it excludes 0."""
    missing = int(np.isnan(difference).sum())
    if missing:
        return f"not reached by {missing} of {len(difference)} seeds"
    mean, half = interval(difference)
    text = f"{100 * mean:+.1f} ± {100 * half:.1f} points"
    return f"{text} ({'settled' if abs(mean) > half else 'not settled'} by five seeds)"


def paired(study, one, other, value=OLD):
    """New accuracy of one method minus another's, at equal old accuracy, by seed."""
    a, b = (at_equal(study, m, "target", "source", value) for m in (one, other))
    return np.subtract(a, b)


def conclusion(study):
    """What the table of differences says, in words."""
    held, weighed, stretched = (
        verdict(paired(study, *pair))
        for pair in (("flat", "L2-SP"), ("1 − s", "flat"), ("1 − s/max", "flat"))
    )
    s = np.mean([relevances(seed) for seed in SEEDS])
    return (
        f"**Read it so.** At an old accuracy of {OLD:.0%}, holding features instead of "
        f"weights changes the new accuracy by {held}; weighing them by relevance, by "
        f"{weighed}; with stretched scores: {stretched}. (A method that does not reach "
        "that old accuracy holds too little at every λ of the study.) The scores do steer "
        "*which* features move, as the correlations show and section 4 says they must. But "
        f"their mean is only {s:.2f}, so the weights 1 − s are nearly alike; perhaps that "
        "is why their effect on accuracy is so small."
    )


def advice(study):
    """Rows (what, start with, measured) of "What to set"."""
    far = best_runs(study, "flat")
    old = ", ".join(
        f"{np.mean(a.values('source')):.2f} at λ = {k:g}" for k, a in far.items()
    )
    new = ", ".join(f"{np.mean(a.values('target')):.2f}" for a in far.values())
    rates = ", ".join(f"{a[0]['settings']['lr']:g}" for a in far.values())
    held = verdict(paired(study, "flat", "L2-SP"))
    low = min(far, key=lambda lam: np.mean(far[lam].values("valid")))
    last = list(far)[-1]
    none = best_runs(study, "none")[0.0].values("target")
    gain = "flat minus none " + verdict(np.subtract(far[last].values("target"), none))
    weighed = verdict(paired(study, "1 − s", "flat"))
    return [
        ["penalty", "on features, flat", f"minus L2-SP, at equal old accuracy: {held}"],
        ["weights 1 − s", "leave them out", f"minus flat: {weighed}"],
        [
            "strength λ",
            f"{low:g}, τ = 1; larger holds more",
            f"flat: lowest validation loss of the new task; old {old}; new {new}",
        ],
        [
            "learning rate",
            "find it again for each λ",
            f"flat, best for each λ: {rates}",
        ],
        ["bins", "4 with 50 examples", "figure 1: more bins, more excess; by custom"],
        ["τ", "1; it only scales λ by 1/τ²", "equation (11.4)"],
        [
            "if the old task does not matter",
            "compare with no penalty",
            f"λ = {last:g}: {gain}",
        ],
        [
            "cost",
            "one more forward pass of the encoder per step",
            f"and a copy of it: {encoder_size():,} numbers of the net's {net_size():,}",
        ],
    ]


def encoder_size():
    """Parameters of the encoder."""
    return base(0).encoder.count()


def net_size():
    """Parameters of the net."""
    return base(0).count()


# --- pictures --------------------------------------------------------------------------
def draw_movement(groups, s, caption):
    """Points (s_k, movement of feature k) of {name: movement (16,)}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    text = []
    for (name, away), mark, colour in zip(groups.items(), MARKS, COLOURS.values()):
        ax.plot(s, away, mark, color=colour, label=name)
        text.append(f"{name}: correlation {np.corrcoef(s, away)[0, 1]:+.2f}")
    ax.set(xlabel="relevance s of the feature", ylabel="mean (z − z0)²", yscale="log")
    ax.legend(fontsize=9)
    show(
        fig,
        f"Movement of each feature against s. {'; '.join(text)}. {caption}",
        caption,
    )


def draw_trade(study, methods, caption):
    """New accuracy against old accuracy, a line per method through its strengths."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    text = []
    for i, name in enumerate(methods):
        arms = best_runs(study, name).values()
        x, y = ([np.mean(arm.values(k)) for arm in arms] for k in ("source", "target"))
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i]}
        ax.plot(x, y, marker=MARKS[i], label=name, **look)
        ends = f"({x[0]:.2f}, {y[0]:.2f}) to ({x[-1]:.2f}, {y[-1]:.2f})"
        text.append(f"{name} from {ends}")
    ax.set(xlabel="accuracy on the old task", ylabel="accuracy on the new task")
    ax.legend(fontsize=9)
    show(fig, f"New against old accuracy: {'; '.join(text)}. {caption}", caption)
