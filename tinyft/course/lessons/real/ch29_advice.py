"""Chapter 29: tables and sentences of the notebook, and its pictures."""

import numpy as np

from tinyft import pretrained
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.peft.ch15_advice import minus
from tinyft.course.lessons.real.ch29_vision import best
from tinyft.course.plot import COLOURS, show
from tinyft.course.prose import say, table

KINDS = {
    "head": "head on a frozen encoder",
    "lora": "LoRA r = 8 on q and v, and a head",
}
KINDS |= {"full": "everything"}
VISION = {"pixels": "raw pixels", "frozen": "frozen features"}
VISION |= {
    "statistics": "features, BatchNorm recomputed",
    "blocks": "last two blocks train",
}


def files(names):
    """What of `tinyft fetch` is here, as a table; a sentence for what is not."""
    found = [pretrained.catalogue()[name] for name in names]
    rows = [
        [f"`{f.name}`", f.what, f"{f.size / 1e6:.0f} MB", "yes" if f.is_here else "no"]
        for f in found
    ]
    table(["name", "what", "on disk", "here"], rows)
    missing = [f.name for f in found if not f.is_here]
    if missing:
        say(
            f"**Not here: {', '.join(missing)}.** Random values of the same shapes stand "
            "in, so every cell runs, but what it prints means nothing, and checks on real "
            f"values are left out. Fetch them: `tinyft fetch {' '.join(missing)}`"
        )
    return not missing


def chosen(study, **settings):
    """(best rate, its runs) of an arm of a study."""
    runs = study.where(**settings)
    return runs.best_rate(), runs.at_best_rate()


def review_rows(study, counts):
    """Rows (method, numbers that train, rate, accuracy, minus the head's)."""
    base = chosen(study, method="head")[1].values("test")
    rows = []
    for method, name in KINDS.items():
        rate, runs = chosen(study, method=method)
        values = runs.values("test")
        less = "—" if method == "head" else points(values, base)
        rows.append([name, f"{counts[method]:,}", f"{rate:g}", share(values), less])
    return rows


def share(values):
    """Accuracies in per cent, mean ± half."""
    return said(100 * np.array(values), 1)


def points(values, others):
    """A paired difference of accuracies in points, and whether the seeds settle it."""
    mean, half = interval(100 * np.subtract(values, others))
    settled = "" if abs(mean) > half else ", not settled"
    return f"{mean:+.1f} ± {half:.1f}{settled}"


def compared(study, one, other):
    """`points` of two methods at their best rates."""
    a, b = (chosen(study, method=m)[1].values("test") for m in (one, other))
    return points(a, b)


def vision_rows(study):
    """Rows (how, faces, minus pixels, digits, minus pixels)."""
    rows = []
    for method, name in VISION.items():
        row = [name]
        for task in ("faces", "digits"):
            values, base = (
                best(study, task, m)[1].values("test") for m in (method, "pixels")
            )
            row += [share(values), "—" if method == "pixels" else points(values, base)]
        rows.append(row)
    return rows


def against_frozen(study, task, method):
    """`points` against frozen features on a task."""
    a, b = (best(study, task, m)[1].values("test") for m in (method, "frozen"))
    return points(a, b)


def play_words(study, before):
    """The best rate of LoRA on the packed Llama, and what it gains."""
    rate, runs = chosen(study)
    values = runs.values("test")
    return (
        f"Held-out loss before: {before:.3f} nats per token. After 30 windows of 128 "
        f"tokens at the rate {rate:g}, five seeds: {said(values, 3)}, so "
        f"{minus(values, [before] * len(values))}."
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
        ax.plot(np.arange(1, len(s) + 1), shares, color=colour, alpha=0.6, label=label)
    ax.set(xscale="log", xlabel="rank r", ylabel="share of ‖ΔW‖² in the first r")
    ax.axvline(8, color="0.5", linestyle=":")
    ax.legend(fontsize=9)
    show(fig, f"36 rising curves, one for each matrix. {caption}", caption)


def draw_path(ts, cosines, caption):
    """Figure: cosines of pairs along the task vector; {pair: values}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    for (name, values), style in zip(cosines.items(), ("-", "--", "-.", ":")):
        ax.plot(ts, values, style, marker="o", markersize=4, label=name)
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


def draw_run(losses, live):
    """Figure: the loss of each step of a long run, its mean over 20, and the live steps."""
    import matplotlib.pyplot as plt

    caption = (
        "Figure 3. The shipped run. Ten steps show nothing, and single steps are noisy to "
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


def advice(reviews, vision):
    """Rows (what, start with, measured here) of "What to set"."""
    rates = ", ".join(f"{chosen(reviews, method=m)[0]:g}" for m in ("lora", "full"))
    head, full = (compared(reviews, "lora", m) for m in ("head", "full"))
    blocks, statistics = (
        {task: against_frozen(vision, task, m) for task in ("faces", "digits")}
        for m in ("blocks", "statistics")
    )
    encoder = f"minus a head: {head} points; minus everything: {full}"
    return [
        ["encoder, 2000 labels", "LoRA r = 8 on q, v", encoder],
        ["its rate; that of everything", rates, "the best of its grid, on *valid*"],
        [
            "base in 4 bits",
            "when floats do not fit",
            "packed = decoded, to the bit; 4 against 16 bits: not measured here",
        ],
        [
            "CNN, pictures like its own",
            "frozen features",
            f"last blocks minus frozen, faces: {blocks['faces']}",
        ],
        [
            "CNN, other pictures",
            "train the last blocks",
            f"last blocks minus frozen, digits: {blocks['digits']}",
        ],
        [
            "BatchNorm's statistics",
            "leave them",
            f"recomputed minus frozen: faces {statistics['faces']}, "
            f"digits {statistics['digits']}",
        ],
    ]
