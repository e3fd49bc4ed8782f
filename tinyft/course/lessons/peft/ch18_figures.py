"""Chapter 18's figure of all methods: loss against length, and against what is trained."""

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.lessons.peft.ch18_prefix import SWEEP
from tinyft.course.plot import COLOURS, show

LOOKS = list(
    zip("DP^v*Xp", ("sky", "purple", "green", "vermilion", "black", "yellow", "blue"))
)


def draw_methods(loss, counts, levels):
    """Two panels. loss: {method: a value per seed}; counts: {method: trained numbers};
    levels: {name: loss} of dotted lines."""
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.0), sharey=True)
    for kind, colour, style in (("prefix", "blue", "o-"), ("prompt", "orange", "s--")):
        names = [f"{kind} {n}" for n in SWEEP]
        mean, half = np.transpose([interval(loss[name]) for name in names])
        look = {"fmt": style, "capsize": 3, "color": COLOURS[colour], "label": kind}
        left.errorbar(SWEEP, mean, half, **look)
        right.errorbar([counts[name] for name in names], mean, half, **look)
    for name, (mark, colour) in zip(list(loss)[2 * len(SWEEP) :], LOOKS):
        mean, half = interval(loss[name])
        look = {"color": COLOURS[colour], "markeredgecolor": "k", "capsize": 3}
        right.errorbar(counts[name], mean, half, fmt=mark, label=name, **look)
    _finish(left, right, levels)
    show(
        fig,
        "Two panels of held-out loss with intervals. Left, against length: prefix and "
        "prompt fall as they grow, the prefix below the prompt. Right, against trained "
        "numbers, with other methods; full fine-tuning is lowest.",
        "Figure 1. Five seeds, 95 %. Dotted: the frozen model, and token counts without "
        "a network.",
    )


def _finish(left, right, levels):
    for name, height in levels.items():
        for ax in (left, right):
            ax.axhline(height, color="0.45", linestyle=":", linewidth=1.2)
        left.annotate(name, (1, height), (0, 3), textcoords="offset points", fontsize=8)
    left.set(xscale="log", xlabel="length l (vectors)")
    left.set(ylabel="held-out loss (nats per token)")
    left.set_xticks(SWEEP, SWEEP)
    left.minorticks_off()
    right.set(xscale="log", xlabel="trained numbers (count)")
    left.legend(fontsize=8)
    right.legend(fontsize=7)
