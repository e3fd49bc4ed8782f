"""Chapter 24b: its drawings."""

import numpy as np

from tinyft.course import plot
from tinyft.course.lessons.alignment import ch24b_world as world
from tinyft.course.plot import COLOURS

GROUP = (  # an answer, its reward, the mean of the others', its advantage
    ("Why weepest thou?", 1, "0.5", 1 / 2),
    ("Arise, and go.", 0, "1", -1.0),
    ("What is this? and that?", 1, "0.5", 1 / 2),
)


def idea(caption):
    """One prompt, three answers, their rewards, and which way each is pushed."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9.4, 2.6))
    box = {"boxstyle": "round,pad=0.35", "facecolor": COLOURS["sky"], "alpha": 0.5}
    ax.text(0.4, 1, "And he said\nunto them", ha="center", va="center", bbox=box)
    heads = (
        "prompt",
        "sampled answers",
        "reward R",
        "mean of\nthe others",
        "advantage A",
    )
    for x, head in zip((0.4, 2.4, 4.2, 5.3, 6.5), heads):
        ax.text(x, 2.75, head, ha="center", va="center", weight="bold", fontsize=9.5)
    for y, (answer, reward, others, A) in zip((2, 1, 0), GROUP):
        arrow = {"arrowstyle": "-|>", "color": "0.4"}
        ax.annotate("", (1.5, y), (0.98, 1), arrowprops=arrow)
        ax.text(2.4, y, answer, ha="center", va="center", bbox=box, fontsize=9)
        for x, value in ((4.2, f"{reward}"), (5.3, others), (6.5, f"{A:+g}")):
            ax.text(x, y, value, ha="center", va="center")
        up = A > 0
        ends = ((7.3, y - 0.3), (7.3, y + 0.3))[:: 1 if up else -1]
        push = {"arrowstyle": "-|>", "lw": 3 * abs(A) + 1}
        push["color"] = COLOURS["blue" if up else "vermilion"]
        ax.annotate("", ends[1], ends[0], arrowprops=push)
        told = "every token likelier" if up else "every token less likely"
        ax.text(7.6, y, told, va="center", fontsize=9)
    ax.set(xlim=(-0.4, 9.4), ylim=(-0.5, 3.1))
    ax.axis("off")
    rows = "; ".join(f"{a}: reward {r}, advantage {A:+g}" for a, r, _, A in GROUP)
    plot.show(
        fig, f"A prompt and three answers with arrows. {rows}. {caption}", caption
    )


def regions(ratio, slopes, band, caption):
    """The push on log π against ρ: slopes {A: array} at ratio; band: (low, high)."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), sharex=True, sharey=True)
    for ax, (A, slope) in zip(axes, slopes.items()):
        ax.plot(ratio, A * ratio, "--", color="0.5", label="without the clip")
        ax.plot(ratio, slope, color=COLOURS["blue"], label="with it")
        ax.axvspan(*band, color=COLOURS["yellow"], alpha=0.3, lw=0)
        kind = "good" if A > 0 else "bad"
        ax.set(xlabel="ρ = π/π_old", title=f"a {kind} token, A = {A:+g}")
    axes[0].set_ylabel("push on log π")
    axes[1].legend(fontsize=9, loc="lower left")
    text = "good token: no push above the band; bad token: none below it"
    alt = f"Two panels of the push on log π against ρ; {text}. {caption}"
    plot.show(fig, alt, caption)


def answers(policies, rewards, caption):
    """Grouped bars: the probability of each answer under {name: (15,)}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9.2, 3.4))
    width = 0.8 / len(policies)
    looks = list(zip(COLOURS.values(), ("", "///", "...", "xx")))
    at = np.arange(len(world.ANSWERS))
    for i, ((name, p), (colour, hatch)) in enumerate(zip(policies.items(), looks)):
        look = {"color": colour, "hatch": hatch, "alpha": 0.75, "edgecolor": "white"}
        ax.bar(at + (i - 1.5) * width, p, width, label=name, **look)
    names = [f"{y}\n{r:g}" for y, r in zip(world.ANSWERS, rewards)]
    ax.set_xticks(at, names)
    ax.set(xlabel="answer, and its reward below", ylabel="probability")
    ax.grid(axis="x", visible=False)
    ax.legend(fontsize=9, loc="upper right")
    tops = (
        f"{k}: most on {world.ANSWERS[int(p.argmax())]}" for k, p in policies.items()
    )
    alt = f"Bars of the probability of 15 answers. {'; '.join(tops)}. {caption}"
    plot.show(fig, alt, caption)


def frontier(points, base, caption):
    """Reward against KL: points {β: (KLs, rewards)}, a dot per seed; base: its reward."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    for (beta, (kls, rewards)), mark, colour in zip(
        points.items(), plot.MARKS, COLOURS.values()
    ):
        ax.plot(kls, rewards, mark, color=colour, label=f"β = {beta:g}", alpha=0.85)
    ax.axhline(base, color="0.4", ls=":", label="before, KL 0")
    ax.set_xscale("log")
    ax.set(xlabel="KL(π‖base), nats per answer", ylabel="share with a question mark")
    ax.legend(fontsize=9, loc="center right")
    text = "; ".join(
        f"β {beta:g}: KL {np.mean(k):.3g}, reward {np.mean(r):.2f}"
        for beta, (k, r) in points.items()
    )
    plot.show(
        fig, f"Dots of reward against KL, a dot per seed. {text}. {caption}", caption
    )
