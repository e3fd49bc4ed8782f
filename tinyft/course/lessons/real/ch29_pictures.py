"""Chapter 29: the notebook's pictures."""

import numpy as np

from tinyft.course.lessons.real.ch29_advice import KINDS
from tinyft.course.plot import COLOURS, show
from tinyft.course.prose import say
from tinyft.course.runs import CHOOSING


def draw_rates(study, caption):
    """Figure: loss on valid at each rate of each method, its mean over two seeds."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.2))
    for (method, name), marker in zip(KINDS.items(), "os^"):
        runs = study.where(method=method)
        runs = type(study)(r for r in runs if r["settings"]["seed"] in CHOOSING)
        rates = runs.by("lr", "valid")
        means = [np.mean(values) for values in rates.values()]
        ax.plot(list(rates), means, marker=marker, label=name)
    ax.axhline(np.log(2), color="0.5", linestyle=":")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss on valid, nats")
    ax.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    show(
        fig, f"Three curves over the rate, each with a best region. {caption}", caption
    )


def draw_spectra(spectra, caption):
    """Figure: cumulative share of ‖ΔW‖² by rank, a line per matrix."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    for name, s in spectra.items():
        part = "mlp" if "mlp" in name else "attention"
        colour = COLOURS["orange"] if part == "mlp" else COLOURS["sky"]
        first = part not in ax.get_legend_handles_labels()[1]
        shares = np.cumsum(s**2) / np.sum(s**2)
        label = part if first else None
        ax.plot(
            np.arange(1, len(s) + 1), shares, color=colour, alpha=0.3, lw=1, label=label
        )
    mean = np.mean([np.cumsum(s**2) / np.sum(s**2) for s in spectra.values()], axis=0)
    ax.plot(np.arange(1, len(mean) + 1), mean, color="black", lw=2.5, label="mean")
    ax.set(xscale="log", xlabel="rank r", ylabel="share of ‖ΔW‖² in the first r")
    ax.axvline(8, color="0.5", linestyle=":")
    ax.legend(fontsize=9)
    show(fig, f"36 rising curves, one for each matrix. {caption}", caption)


def draw_path(ts, cosines, caption):
    """Figure: cosines of pairs along the task vector; {pair: values}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    for (name, values), style in zip(
        cosines.items(), ("-", "--", "-.", (0, (6, 1)), ":")
    ):
        ax.plot(ts, values, linestyle=style, marker="o", markersize=4, label=name)
    ax.set(xlabel="t in base + t · ΔW", ylabel="cosine of two texts")
    ax.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    show(fig, f"Lines over t from {ts[0]} to {ts[-1]}. {caption}", caption)


def draw_photographs(photos, caption):
    """Figure: each photograph {name: bytes (S, S, 3)}, red first and blue first."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2 * len(photos), figsize=(7.2, 2.1))
    for i, (name, photo) in enumerate(photos.items()):
        for ax, order in zip(axes[2 * i :], ("red first", "blue first")):
            ax.imshow(photo if order == "red first" else photo[..., ::-1])
            ax.set_title(f"{name}, {order}", fontsize=9)
            ax.axis("off")
    show(fig, f"Photographs in a row: {', '.join(photos)}. {caption}", caption)


def draw_run(run, live):
    """Figure: the loss of each step of a stored run, its mean over 20, the live steps;
    and what the run reached."""
    import matplotlib.pyplot as plt

    losses = run["losses"]
    caption = (
        "Figure 4. The shipped run. A few steps show nothing; single steps are noisy to "
        "the end: judge a training by held-out texts."
    )
    fig, ax = plt.subplots(figsize=(7.2, 3.2))
    ax.plot(losses, ".", color=COLOURS["sky"], markersize=4, label="each step, stored")
    mean = np.convolve(losses, np.ones(20) / 20, "valid")
    ax.plot(
        np.arange(len(mean)) + 19, mean, color=COLOURS["blue"], label="last 20 steps"
    )
    ax.plot(live, "x", color=COLOURS["vermilion"], markersize=5, label="run here")
    ax.set(xlabel="step", ylabel="training loss, nats")
    ax.legend(fontsize=9, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    show(fig, f"A loss that falls over {len(losses)} steps. {caption}", caption)
    say(
        f"The shipped run ({run['training']} texts train), on all {run['held']} held-out "
        f"reviews: {run['accuracy']:.1%}; on all of valid: {run['valid']:.3f} nats. One "
        "seed, one split; section 9 has five."
    )
