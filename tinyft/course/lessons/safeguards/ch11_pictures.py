"""Chapter 11: its two pictures of its own, and pure noise for figure 1."""

import numpy as np

from tinyft import transfer
from tinyft.course.lessons.safeguards.ch11_advice import arms
from tinyft.course.lessons.safeguards.ch11_information_bottleneck import METHODS
from tinyft.course.plot import COLOURS, DASHES, MARKS, show


def noise(n, corrected, bins=8, classes=10, draws=100):
    """The mean I, in nats, of `draws` features of n examples that tell nothing."""
    z = np.random.default_rng(n).normal(size=(n, draws))
    y = np.arange(n) % classes
    return transfer.mutual_information(z, y, bins, corrected).mean()


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


def draw_trade(study, caption):
    """New against old accuracy at RATE: a line per method through its λ, two points."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    text = []
    for i, name in enumerate(("frozen", "none", *METHODS)):
        found = arms(study, name).values()
        x, y = ([np.mean(arm.values(k)) for arm in found] for k in ("source", "target"))
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i - 2]}
        size = {"markersize": 10} if i < 2 else {}
        ax.plot(x, y, marker=MARKS[i], label=name, **look, **size)
        ends = {f"({a:.2f}, {b:.2f})": None for a, b in ((x[0], y[0]), (x[-1], y[-1]))}
        text.append(f"{name} {' to '.join(ends)}")
    ax.set(xlabel="accuracy on the old task", ylabel="accuracy on the new task")
    ax.legend(fontsize=9)
    show(fig, f"New against old accuracy: {'; '.join(text)}. {caption}", caption)
