"""Chapter 18's figure of all methods: loss against length, and against what is trained."""

import itertools

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.lessons.prompts.ch18_prefix import SWEEP
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
        "Figure 1. Five seeds, 95 %. Dotted, from above: the frozen model; all tokens "
        "alike; counts of the same tokens without a network. Right: at equal numbers, "
        "too, the prefix is below the prompt (P-tuning: numbers in training).",
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


def draw_places():
    """Where the trained vectors stand: a prompt, and a prefix, in a model of 3 layers."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9.0, 2.6))
    floors = ("embeddings", "layer 1: K, V", "layer 2: K, V", "layer 3: K, V")
    for ax, kind in zip(axes, ("prompt", "prefix")):
        for (i, name), j in itertools.product(enumerate(floors), range(6)):
            trained = j < 2 and (i == 0) == (kind == "prompt")
            if j < 2 and i == 0 and not trained:
                continue
            face = COLOURS["orange"] if trained else "#f3d9a4" if j < 2 else "0.9"
            ax.add_patch(plt.Rectangle((j, i), 0.9, 0.8, fc=face, ec="0.4"))
            ax.text(-0.2, i + 0.4, name, ha="right", va="center", fontsize=9)
        ax.set(xlim=(-2.6, 6), ylim=(-0.2, 4), title=kind)
        ax.axis("off")
    text = (
        "Orange: trained. Pale: computed from them. Grey: the text. A prompt stands in "
        "front of the embeddings; a prefix in front of every layer's keys and values."
    )
    show(fig, f"Two grids of boxes, layers above embeddings. {text}", text)


def draw_maps(layers, head=2):
    """Figure 2. layers: [(before, with 3 prefix rows, content rescaled), ...]."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 4, figsize=(11.5, 5.2), width_ratios=[8, 11, 8, 8])
    for row, (old, new, rescaled) in enumerate(layers):
        views = [(old, "before"), (new, "with 3 prefix rows"), (rescaled, "rescaled")]
        for ax, (weights, label) in zip(axes[row], views):
            look = {"cmap": "cividis", "vmin": 0, "vmax": 1, "aspect": "auto"}
            picture = ax.imshow(np.sqrt(weights[head]), **look)
            ax.set(title=f"layer {row + 1}: {label}", xlabel="key", ylabel="query")
            ax.grid(visible=False)
        moved = axes[row, 3].imshow(
            (rescaled - old)[head], cmap="RdBu", vmin=-0.25, vmax=0.25, aspect="auto"
        )
        axes[row, 3].set(title="rescaled − before", xlabel="key", ylabel="query")
        axes[row, 3].grid(visible=False)
        axes[row, 1].axvline(2.5, color="w", linewidth=1.5)
        names = ["P1", "P2", "P3", "0", "2", "4", "6"]
        axes[row, 1].set_xticks([0, 1, 2, 3, 5, 7, 9], names)
        axes[row, 1].set(xlabel="prefix | key")
    fig.colorbar(picture, ax=axes[:, :3], label="√ attention weight", shrink=0.7)
    fig.colorbar(moved, ax=axes[:, 3], label="change of the weight", shrink=0.7)
    show(
        fig,
        "Eight heat maps of one head's attention. Layer 1: the map before and the rescaled "
        "content part with a prefix are the same; their difference is blank. Layer 2: they "
        "differ.",
        "Figure 2. One head. Last column: nothing has moved between words in layer 1, much "
        "in layer 2.",
    )


def draw_share(points):
    """Figure 3. points: {label: (score minus LSE, measured share λ)} of one row."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.2, 3.6))
    scores = np.linspace(-20, 12, 200)
    looks = ((1, "blue", "-"), (16, "orange", "--"), (256, "green", ":"))
    for l, colour, style in looks:
        share = 1 / (1 + np.exp(-scores - np.log(l)))
        name = f"l = {l} equal row{'s' * (l > 1)}"
        ax.plot(scores, share, style, color=COLOURS[colour], label=name)
    for (label, (x, y)), mark in zip(points.items(), "ox"):
        ax.plot(x, y, mark, color="k", markersize=5, label=label)
    ax.set(
        yscale="log", ylim=(1e-11, 30), xlim=(-22, 13), ylabel="share λ of the prefix"
    )
    ax.set(xlabel="score of the prefix minus LSE of the text, q·k/√d − LSE_K (nats)")
    ax.legend(fontsize=8)
    show(
        fig,
        "Log plot of the prefix's share λ against its score minus the text's LSE: straight "
        "lines of slope one that saturate at 1; longer prefixes lie higher; none reaches "
        "zero. Measured dots lie on the line for one row; crosses, the same key six times "
        "larger, spread along it in both directions.",
        "Figure 3. λ never reaches 0. A larger key (crosses) pushes some queries towards 0 "
        "and others towards 1.",
    )


def draw_gates(weights, gates):
    """Figure 4. weights (T, l + T): layer 2's busiest head; gates: {view: (L, H)}."""
    import matplotlib.pyplot as plt

    fig, (top, bars) = plt.subplots(1, 2, figsize=(10, 4.0))
    picture = top.imshow(np.sqrt(weights), cmap="cividis", aspect="auto")
    top.axvline(11.5, color="w", linewidth=1.5)
    top.grid(visible=False)
    names = ["P1", "P6", "0", "12", "24", "36"]
    top.set_xticks([0, 5, 12, 24, 36, 48], names)
    top.set(ylabel="query (position)")
    top.set(xlabel="prefix rows | keys of the text", title="layer 2, busiest head")
    fig.colorbar(picture, ax=top, label="√ attention weight")
    where = np.arange(12)
    for i, (label, colour) in enumerate(zip(gates, ("sky", "blue", "orange"))):
        look = {
            "color": COLOURS[colour],
            "hatch": ("", "//", "..")[i],
            "edgecolor": "w",
        }
        height = gates[label].ravel()
        bars.bar(where + 0.28 * (i - 1), height, 0.28, label=label, **look)
    heads = [f"{a}.{b}" for a in (1, 2, 3) for b in (1, 2, 3, 4)]
    bars.set_xticks(where, heads)
    bars.set(xlabel="layer.head")
    bars.set(ylabel="mean gate λ (share of attention)")
    bars.legend(fontsize=8)
    show(
        fig,
        "Left: heat map of one head's mean attention; some of the twelve prefix columns in "
        "front are bright beside the causal triangle of the text. Right: bars of the mean "
        "gate for each layer and head, before training, on the target and on source text.",
        "Figure 4. A trained prefix of 12 (seed 0). Its rows take about as much attention "
        "on Shakespeare as on the target.",
    )
