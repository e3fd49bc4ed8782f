"""Chapter 17: its pictures: a block and its levels, the code books, error against bits."""

import numpy as np

from tinyft.course.plot import COLOURS, show


def draw_block(w, levels, caption):
    """Figure 1: a block's weights w (n,), and the lines m · level that they may take."""
    import matplotlib.pyplot as plt

    m, at = np.abs(w).max(), np.arange(len(w))
    k = np.abs(w[:, None] / m - levels).argmin(axis=1)
    fig, ax = plt.subplots(figsize=(7.6, 3.6))
    ax.hlines(m * levels, -1, len(w), colors="0.8", linewidth=0.8, zorder=0)
    ax.plot(at, w, "o", color=COLOURS["sky"], markersize=4, label="weight w")
    ax.plot(
        at, m * levels[k], "_", color=COLOURS["orange"], markersize=9, label="rounded ŵ"
    )
    ax.vlines(at, w, m * levels[k], colors="0.4", linewidth=1)
    top = int(np.abs(w).argmax())
    below, arrow = (top, 0.75 * w[top]), {"arrowstyle": "->"}
    style = {"ha": "center", "fontsize": 9, "arrowprops": arrow}
    ax.annotate("largest: exact", (top, w[top]), below, **style)
    ax.set(xlabel="place in the block", ylabel="value", xlim=(-1, len(w)))
    ax.legend(fontsize=9, loc="lower right")
    text = f"{len(w)} points between {w.min():.2f} and {w.max():.2f} near 16 lines."
    show(fig, f"A block of weights and its levels: {text} {caption}", caption)


def relative(rows):
    """Rows (blocks, block) divided by their largest |entry|, flat."""
    return (rows / np.abs(rows).max(axis=1, keepdims=True)).ravel()


def draw_books(weights, books, caption):
    """Figure 2: histograms of w/m of {path: W} and of normal numbers, over the levels of
    {name: levels}; blocks of 64."""
    import matplotlib.pyplot as plt

    real = relative(np.concatenate([W.reshape(-1, 64) for W in weights.values()]))
    normal = relative(np.random.default_rng(0).normal(size=(4096, 64)))

    fig, (ax, low) = plt.subplots(
        2, 1, figsize=(7.2, 4.0), sharex=True, height_ratios=(3, 1)
    )
    bins = np.linspace(-1, 1, 82)
    style = {"bins": bins, "density": True}
    ax.hist(real, color=COLOURS["sky"], alpha=0.6, label="weights of the GPT", **style)
    ax.hist(normal, histtype="step", color="black", label="normal numbers", **style)
    ax.set(ylabel="density")
    ax.legend(fontsize=9)
    for i, (name, levels) in enumerate(books.items()):
        low.plot(levels, np.full(len(levels), -i), "|", markersize=16, label=name)
        low.text(-1.04, -i, name, ha="right", va="center", fontsize=9)
    low.set(xlabel="weight divided by its block's scale", ylabel="levels", yticks=[])
    low.set(ylim=(-len(books) + 0.4, 0.6), xlim=(-1.25, 1.05))
    text = "; ".join(
        f"{k}: {len(v)} levels from {min(v):.2f}" for k, v in books.items()
    )
    show(
        fig,
        f"Histograms of relative weights and rows of levels: {text}. {caption}",
        caption,
    )


def draw_errors(lines, caption):
    """Figure 3: error against bits per weight, from `error_lines`."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    names = {"nf4": "NF4", "int4": "affine int4"}
    for (code, (bits, errors)), mark in zip(lines.items(), "os"):
        ax.plot(bits, errors, marker=mark, label=names[code])
    ax.set(xlabel="bits per weight, float32 constants included")
    ax.set(ylabel="squared error / variance", xscale="log")
    ax.set_xticks([4.25, 4.5, 5, 6, 8], ["4.25", "4.5", "5", "6", "8"])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    text = "; ".join(
        f"{names[k]} from {e[0]:.4f} to {e[-1]:.4f}" for k, (_, e) in lines.items()
    )
    show(fig, f"Lines of error against bits per weight: {text}. {caption}", caption)
