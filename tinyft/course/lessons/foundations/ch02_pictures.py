"""Chapter 02: drawings of a block, of one head's weights, of scores by distance."""

import numpy as np

from tinyft.course.plot import COLOURS, show


def show_block(config):
    """Draw a block: the state as a line, attention and MLP as branches that add to it."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8.0, 2.5))
    ax.annotate("", (9.9, 0), (-0.2, 0), arrowprops={"arrowstyle": "->", "lw": 2})
    ax.text(-0.2, -0.3, "state x (T, d)", va="top")
    ax.text(9.9, -0.3, "to the next block", va="top", ha="right")
    _branch(ax, 0.8, "norm₁", "attention: between tokens", f"{config.heads} heads")
    hidden = config.hidden or 4 * config.dim
    _branch(ax, 5.3, "norm₂", "MLP: each token alone", f"(T, {hidden}) inside")
    ax.set(xlim=(-0.4, 10.1), ylim=(-0.9, 2.2))
    ax.axis("off")
    text = (
        "One block. The state runs straight through; each branch reads a normalised copy "
        f"and adds its result, of the same shape (T, d), here d = {config.dim}."
    )
    show(
        fig,
        f"A line with two branches that leave it and return at a plus. {text}",
        text,
    )


def _branch(ax, x, norm, what, note):
    """norm → layer, from the line at x and back to it, into a plus."""
    line = {"color": "black", "lw": 1.3, "zorder": 0}
    ax.plot([x, x, x + 3.6, x + 3.6], [0, 1.2, 1.2, 0.25], **line)
    box = {"boxstyle": "round,pad=0.35", "fc": "white"}
    ax.text(x, 0.6, norm, ha="center", va="center", bbox=box)
    ax.text(x + 1.8, 1.2, f"{what}\n{note}", ha="center", va="center", bbox=box)
    ax.text(
        x + 3.6, 0, "+", ha="center", va="center", bbox=box | {"boxstyle": "circle"}
    )


def draw_scores(distances, starts, panels):
    """Scores against distance, a curve per place of the key; panels: {title: (3, n)}."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.4))
    for ax, (title, drawn) in zip(axes, panels.items()):
        for n, y, mark, name in zip(starts, drawn, "osx", ("blue", "orange", "black")):
            look = {"ms": 4, "lw": 1, "color": COLOURS[name], "label": f"key at {n}"}
            ax.plot(distances, y, mark + "-", **look)
        ax.set(title=title, xlabel="distance m − n (tokens)", ylabel="score q·k")
    ax.legend()
    text = (
        "Score of one query and key against their distance. A *learned* table may have "
        "become more regular than the random one at the right; nothing forces it to."
    )
    show(fig, f"Left one curve, right three unrelated curves. {text}", text)


def show_head(weights, words, caption):
    """Draw the attention weights (T, T) of one head over words on both axes."""
    import matplotlib.pyplot as plt

    T = len(words)
    fig, ax = plt.subplots(figsize=(6.4, 5.2))
    seen = np.where(np.tri(T, dtype=bool), weights, np.nan)
    image = ax.imshow(seen, cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=range(T), yticks=range(T), yticklabels=words)
    ax.set(xlabel="looks at (key)", ylabel="token (query)")
    ax.set_xticklabels(words, rotation=90)
    ax.grid(False)
    fig.colorbar(image, label="attention weight")
    alt = "Attention weights of one head as a lower triangle with words on both axes."
    show(fig, alt, caption)
