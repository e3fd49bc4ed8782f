"""Chapter 22: the two drawings that its results do not need."""

import numpy as np

from tinyft.course import plot
from tinyft.course.plot import COLOURS

STEPS = (
    ("text and pattern", "[CLS] And God said ...\n⏎ [MASK]", "T tokens"),
    ("BERT", "a state per token", "T × 128"),
    ("at the gap", "one state", "128"),
    ("MLM head", "a logit per token\nof the vocabulary", "1024"),
    ("verbalizer", "And, Then → story\nA, The, He → saying", "5 of 1024"),
    ("class scores", "log Σ exp of\neach class's words", "2"),
)


def pattern(caption):
    """From a text to two class scores, with the shapes."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9.6, 1.9))
    for i, (name, what, shape) in enumerate(STEPS):
        new = i in (0, 4, 5)
        box = {
            "boxstyle": "round,pad=0.3",
            "facecolor": COLOURS["yellow" if new else "sky"],
            "alpha": 0.5,
        }
        ax.text(i, 0, what, ha="center", va="center", fontsize=8.5, bbox=box)
        ax.text(i, 0.62, name, ha="center", fontsize=9.5, weight="bold")
        ax.text(i, -0.75, shape, ha="center", fontsize=9)
        if i:
            ax.annotate(
                "",
                (i - 0.44, 0.67),
                (i - 0.56, 0.67),
                arrowprops={"arrowstyle": "-|>", "color": "black"},
            )
    ax.set(xlim=(-0.6, len(STEPS) - 0.4), ylim=(-0.95, 0.9))
    ax.axis("off")
    text = "; ".join(f"{a}: {b.replace(chr(10), ' ')}, {c}" for a, b, c in STEPS)
    plot.show(fig, f"Boxes in a row. {text}. {caption}", caption)


def histogram(scores, labels, biases, names, caption):
    """How far the second class leads, for verses of both classes, with the border of each
    bias: score_2 + b_2 = score_1 + b_1."""
    import matplotlib.pyplot as plt

    lead = scores[:, 1] - scores[:, 0]
    fig, ax = plt.subplots(figsize=(6.6, 3.4))
    edges = np.linspace(lead.min(), lead.max(), 36)
    for k, (name, colour) in enumerate(zip(names, ("blue", "orange"))):
        look = {"alpha": 0.55, "color": COLOURS[colour], "hatch": ("", "///")[k]}
        ax.hist(lead[labels == k], edges, label=name, **look)
    top, borders = 1.25 * ax.get_ylim()[1], {}
    for i, (name, b) in enumerate(biases.items()):
        borders[name] = b[0] - b[1]
        dash = plot.DASHES[i]
        ax.axvline(
            borders[name], color="black", linestyle=dash, label=f"border, {name}"
        )
        place = {"rotation": 90, "ha": "right", "va": "top", "fontsize": 8}
        ax.text(borders[name] - 0.06, 0.98 * top, name.split(" (")[0], **place)
    ax.set(xlabel=f"score of {names[1]} − score of {names[0]}", ylabel="test verses")
    ax.set(ylim=(0, top))
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = ", ".join(f"{name} at {at:.2f}" for name, at in borders.items())
    alt = f"Two histograms of the lead of the second class; borders: {text}. {caption}"
    plot.show(fig, alt, caption)
