"""Chapter 23: its pictures."""

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.plot import COLOURS, MARKS, show


def draw_masks(masks, labels, caption):
    """Who may look at whom: {title: booleans (T, T)}, and a label per token."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(masks), figsize=(4.2 * len(masks), 5.0))
    for ax, (title, mask) in zip(np.atleast_1d(axes), masks.items()):
        ax.imshow(~np.asarray(mask), cmap="gray", vmin=-1.2, vmax=1)
        ax.set_xticks(range(len(labels)), labels, fontsize=8)
        ax.set_yticks(range(len(labels)), labels, fontsize=8)
        ax.set(title=title, xlabel="key: is looked at", ylabel="query: looks")
        ax.grid(False)
    counts = "; ".join(f"{k}: {int(np.sum(m))} dark cells" for k, m in masks.items())
    show(fig, f"Square grids of queries against keys. {counts}. {caption}", caption)


def draw_steps(study, ways, looks, caption):
    """Three panels over the training steps: loss, exact answers, loss on old text.

    study: runs with scores "loss@100" and so on; ways: {name in the study: label}, a line
    per run; looks: the steps.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(11.0, 3.6))
    kinds = {
        "loss": "valid answers, nats per target",
        "exact": "valid words, exact (%)",
        "bible": "held-out Bible, nats per character",
    }
    text = []
    for (score, label), ax in zip(kinds.items(), axes):
        for i, (way, name) in enumerate(ways.items()):
            runs = [one["scores"] for one in study.where(way=way)]
            rows = [
                [(100 if score == "exact" else 1) * r[f"{score}@{t}"] for t in looks]
                for r in runs
            ]
            look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "ms": 3}
            ax.plot(looks, np.transpose(rows), lw=1.2, **look)
            ax.lines[-1].set_label(name)
            text.append(f"{name}, {label}: {np.mean(rows, axis=0)[-1]:.3g} at the end")
        ax.set(xlabel="training step", ylabel=label)
    axes[0].set_yscale("log")
    axes[1].legend(fontsize=9, loc="lower right")
    show(
        fig, f"Three panels of curves over steps. {'; '.join(text)}. {caption}", caption
    )


def draw_samples(study, counts, caption, ceiling=None):
    """Mean and 95 % interval over seeds of pass@k, best@k, vote@k; greedy as a line.

    ceiling: {k: pass@k of pure guessing}, drawn as a grey line.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 4.0))
    named = {"pass": "pass@k", "best": "best of k by own score", "vote": "vote of k"}
    text = []
    for i, (key, name) in enumerate(named.items()):
        found = [interval(study.values(f"{key}@{k}")) for k in counts]
        mean, half = np.array(found).T
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "capsize": 3}
        ax.errorbar(np.array(counts) * 1.03 ** (i - 1), mean, half, label=name, **look)
        text.append(f"{name} {mean[0]:.2f} to {mean[-1]:.2f}")
    greedy, half = interval(study.values("greedy"))
    ax.axhline(greedy, color="0.3", ls="--", lw=1.2, label="greedy, and its interval")
    ax.axhspan(greedy - half, greedy + half, color="0.5", alpha=0.12, lw=0)
    if ceiling:
        ax.plot(*zip(*ceiling.items()), color="0.6", ls=":", label="guessing a digit")
    ax.set_xscale("log", base=2)
    ax.set_xticks(counts, counts)
    ax.set(xlabel="samples k", ylabel="share of questions", ylim=(0, 1.02))
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    said = "; ".join(text)
    show(fig, f"Curves against k: {said}; greedy {greedy:.2f}. {caption}", caption)


def draw_context(series, levels, caption):
    """Mean squared error against k: {name: (seeds, 16) or (16,)}; levels: lines."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 4.0))
    text = []
    for i, (name, values) in enumerate(series.items()):
        values = np.atleast_2d(values)
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "ms": 4}
        ax.plot(values.mean(axis=0), label=name, **look)
        if len(values) > 1:
            mean, half = np.transpose([interval(column) for column in values.T])
            ax.fill_between(range(16), mean - half, mean + half, alpha=0.2)
        text.append(
            f"{name} {values.mean(axis=0)[0]:.2f} to {values.mean(axis=0)[-1]:.2f}"
        )
    for name, y in levels.items():
        ax.axhline(y, color="0.5", ls=":", lw=1.2, label=name)
    ax.set_yscale("log")
    ax.set(xlabel="examples k in the context", ylabel="mean squared error")
    ax.legend(fontsize=9, loc="upper right")
    said = "; ".join(text)
    show(fig, f"Curves of mean squared error against k: {said}. {caption}", caption)
