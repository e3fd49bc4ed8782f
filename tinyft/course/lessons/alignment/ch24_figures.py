"""Chapter 24: the drawings of best-of-n, of training paths and of the family's slopes."""

import numpy as np

from tinyft import objectives, tensor
from tinyft.course import plot
from tinyft.course.experiment import interval
from tinyft.course.lessons.alignment.ch24_preferences import LOOKS, METHODS, NS, PATHS
from tinyft.course.lessons.alignment.ch24_tables import rate_rows
from tinyft.course.plot import COLOURS, DASHES, MARKS
from tinyft.evaluation import best_of_n_kl, best_of_n_law

SLOPES = {  # options of preference_loss for the drawing
    "dpo": {"beta": 0.3},
    "cdpo": {"beta": 0.3, "epsilon": 0.1},
    "ipo": {"tau": 0.1},
    "hinge": {"beta": 0.3},
}


def over_n(found, caption):
    """Proxy and taste of the best of n, mean and 95 % interval over seeds."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.2))
    text = []
    for ax, score, label, colour in (
        (axes[0], "proxy", "learned reward (proxy)", "blue"),
        (axes[1], "gold", "true taste (gold)", "vermilion"),
    ):
        mean, half = np.transpose([interval(found.values(f"{score} {n}")) for n in NS])
        ax.errorbar(NS, mean, half, color=COLOURS[colour], marker=MARKS[0], capsize=4)
        ax.set_xscale("log", base=4)
        ax.set_xticks(NS, [str(n) for n in NS])
        ax.set(xlabel="n: best of n by the learned reward", ylabel=label)
        text.append(f"{label} " + ", ".join(f"{v:.2f}" for v in mean))
    axes[1].axhline(mean[0], color="0.45", linestyle="--", linewidth=1.1)
    alt = f"Two panels against n = {NS}: {'; '.join(text)}. {caption}"
    plot.show(fig, alt, caption)


def why(words, proxy, caption, ns=(1, 16, 256)):
    """Taste and learned reward by th-words; and how many th-words the best of n have."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 1, figsize=(6.6, 4.8), sharex=True)
    c = np.arange(0, 8)
    mean = np.array(
        [proxy[words == k].mean() if (words == k).any() else np.nan for k in c]
    )
    vermilion, blue = COLOURS["vermilion"], COLOURS["blue"]
    axes[0].plot(c, -((c - 3.0) ** 2), color=vermilion, marker="s", label="taste")
    right = axes[
        0
    ].twinx()  # only differences of a reward mean something: its own scale
    right.plot(c, mean, color=blue, marker="o", linestyle="--", label="learned reward")
    axes[0].set_ylabel("taste", color=vermilion)
    right.set_ylabel("learned reward, mean", color=blue)
    lines = axes[0].get_lines() + right.get_lines()
    axes[0].legend(handles=lines, fontsize=8, loc="lower center")
    text, even = [], np.full(len(proxy), 1 / len(proxy))
    for i, n in enumerate(ns):
        law = best_of_n_law(even, proxy, n)
        share = np.array([law[words == k].sum() for k in c])
        look = {
            "color": ("0.6", COLOURS["sky"], COLOURS["black"])[i],
            "hatch": ("", "//", "")[i],
        }
        name = "random texts" if n == 1 else f"best of {n}"
        axes[1].bar(c + 0.27 * (i - 1), share, 0.27, label=name, **look)
        text.append(f"{name} have {law @ words:.1f} th-words on average")
    axes[1].set(xlabel="th-words in a text, c", ylabel="share of texts")
    axes[1].legend(fontsize=8)
    shape = "Above, taste peaks at 3 and the learned reward rises"
    alt = f"{shape}. {'; '.join(text)}. {caption}"
    plot.show(fig, alt, caption)


def paths(study, caption):
    """Taste against KL: best of n, and two ways of training at steps 20, 40, 80."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.6, 3.9))
    best = study.where(part="best of n", method="counts", pairs=1000)
    lines = {}
    lines["best of n, KL by (24.3)"] = (
        [(best_of_n_kl(n), 0.0) for n in NS],
        [interval(best.values(f"gold {n}")) for n in NS],
    )
    start = interval(best.values("gold 1"))
    for method in PATHS:
        runs = study.where(part="path", method=method)
        lines[f"{method}, steps 0, {', '.join(map(str, LOOKS))}"] = (
            [(0.0, 0.0), *(interval(runs.values(f"KL {s}")) for s in LOOKS)],
            [start, *(interval(runs.values(f"gold {s}")) for s in LOOKS)],
        )
    text = []
    for i, (name, (kl, taste)) in enumerate(lines.items()):
        mean, half = np.transpose(taste)
        kl, across = np.transpose(kl)
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "capsize": 4}
        ax.errorbar(kl, mean, half, across, label=name, linestyle=DASHES[i], **look)
        text.append(
            f"{name}: " + ", ".join(f"({x:.1f}, {y:.2f})" for x, y in zip(kl, mean))
        )
    ax.set(xlabel="KL(π | π_ref), nats per text", ylabel="true taste")
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.24), ncols=2)
    plot.show(fig, f"True taste against KL. {'; '.join(text)}. {caption}", caption)


def slopes(caption):
    """Losses of the family and their slopes against h."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.3))
    h, text = np.linspace(-12, 16, 281), []
    for i, (kind, options) in enumerate(SLOPES.items()):
        w = tensor(h, requires_grad=True)
        loss = objectives.preference_loss(w, tensor(0 * h), kind, **options)
        loss.sum().backward()
        scale = 25.0 if kind == "ipo" else 1.0
        name = "ipo / 25" if kind == "ipo" else kind
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i]}
        axes[0].plot(h, loss.numpy() / scale, label=name, **look)
        slope = w.grad.numpy() / scale
        axes[1].plot(h, slope, label=name, **look)
        text.append(f"{name}: slope {slope[0]:.2f} to {slope[-1]:.2f}")
    axes[0].set(xlabel="h", ylabel="loss of a pair", ylim=(-0.1, 4))
    axes[1].set(xlabel="h", ylabel="slope by h", ylim=(-1.2, 0.6))
    axes[1].axhline(0, color="0.45", linewidth=0.8)
    axes[1].legend(fontsize=8, loc="lower right")
    plot.show(
        fig, f"Losses and slopes against h. {'; '.join(text)}. {caption}", caption
    )


def rates(study, caption):
    """Win rate against KL, a curve per method, a point per rate: means of two seeds."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 3.9))
    text = []
    for i, row in enumerate(METHODS):
        points = [(float(r[6]), float(r[2]), r[1]) for r in rate_rows(study, [row])]
        kl, won = zip(*(point[:2] for point in points))
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i]}
        ax.plot(np.maximum(kl, 0.03), won, label=row, linestyle=DASHES[i], **look)
        text.append(f"{row}: " + ", ".join(f"{a} nats {b} %" for a, b, _ in points))
    ax.axhline(50, color="0.45", linewidth=0.8)
    ax.set(xscale="log", xlabel="KL, nats per text", ylabel="win rate, %")
    ax.legend(fontsize=8, loc="lower left")
    plot.show(fig, f"Win rate against KL. {'; '.join(text)}. {caption}", caption)
