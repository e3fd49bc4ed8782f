"""Chapter 05: tables from `tinyft study 05`, every number computed."""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.transfer.ch05_full_finetuning import (
    COUNTS,
    RATES,
    STEPS,
    WAYS,
)

END, STOPPED, HALVED = WAYS


def at(study, way, labels):
    """The five runs at the best rate."""
    return study.where(way=way, labels=labels).at_best_rate()


def rate(study, way, labels):
    """Their rate."""
    return study.where(way=way, labels=labels).best_rate()


def ways(study):
    """(titles, rows): for every number of labels, what each way reaches."""
    rows = []
    for n in COUNTS:
        first = at(study, END, n)
        for way in WAYS:
            found = at(study, way, n)
            row = [n, way, f"{rate(study, way, n):g}"]
            row.append(f"{np.mean(found.values('step')):.0f}")
            row += [said(found.values("loss")), said(found.values("test"), 3)]
            gap = minus(found.values("test"), first.values("test"))
            row.append(gap if way != END else "—")
            rows.append(row)
    head = ["labels", "way", "rate", "steps used", "held-out loss", "accuracy"]
    return [*head, "accuracy minus the first way, paired"], rows


def minus(values, others):
    """The paired difference with its interval, and whether the seeds settle it."""
    gap = np.subtract(values, others)
    mean, half = interval(gap)
    return said(gap, 3, sign=True) + ("" if abs(mean) > half else " (not settled)")


def verdict(study):
    """In words: what stopping early does to the loss, and to the accuracy."""
    lines = []
    for n in COUNTS:
        a, b = at(study, END, n), at(study, STOPPED, n)
        loss = minus(b.values("loss"), a.values("loss"))
        right = minus(b.values("test"), a.values("test"))
        lines.append(f"{n} labels: loss {loss}, accuracy {right}")
    title = "**Stopped with 120 more labels, minus trained to the end.** "
    return title + "; ".join(lines) + "."


def travelled(study):
    """(titles, rows): the distance to the start when training ends, by rate and labels."""
    runs = {n: study.where(way=END, labels=n).by("lr", "distance") for n in COUNTS}
    rows = [
        [f"{lr:g}", *(f"{np.mean(runs[n][lr][:2]):.1f}" for n in COUNTS)]
        for lr in RATES
    ]
    return ["rate", *(f"{n} labels" for n in COUNTS)], rows


def advice(study, edges, costs):
    """Rows (what, start with, measured here) of "What to set"."""
    full, lora = costs
    factors = ", ".join(f"{v:.0f}" for v in edges)
    return [
        *_from_study(study),
        [
            "rate of LoRA against full's",
            "sweep again; no fixed factor",
            f"edges on real features, LoRA over full, r = 1 to 8 under α/r: {factors}",
        ],
        [
            "weight decay, warm-up",
            "0.01 and a tenth of the steps, by convention",
            "not measured here; decay pulls to zero, not to the start (chapter 09)",
        ],
        [
            "memory, time",
            "16 bytes per parameter (Adam, float32), and the activations",
            f"computed, not measured; time: LoRA, r = 4, takes {lora / full:.0%} of "
            "full's in section 7",
        ],
    ]


def _from_study(study):
    n = COUNTS[-1]
    middle = rate(study, END, n)
    grid = study.where(way=END, labels=n).by("lr", "valid")
    means = {lr: np.mean(v[:2]) for lr, v in grid.items()}
    gaps = [f"{k:g}: {v - means[middle]:+.1%}" for k, v in means.items() if k != middle]
    best = [f"{count} labels: {rate(study, END, count):g}" for count in COUNTS]
    ends = at(study, END, n).values("train")
    return [
        [
            "learning rate (AdamW, constant), this ResNet",
            f"{middle:g}; sweep by factors of 3 on validation data",
            f"best at {', '.join(best)}; with {n} labels, wrong on validation, minus the "
            f"best: {', '.join(gaps)}",
        ],
        [
            "how long",
            "until the validation *metric you care about* is no better",
            f"{STEPS} steps bring the training loss to {np.mean(ends):.0e}; see section 4",
        ],
        [
            "labels for validation",
            "other labels than those you train on; with very few, do not split them",
            f"half held back, accuracy: {'; '.join(_halved(study))}",
        ],
    ]


def _halved(study):
    for n in COUNTS:
        half, every = (at(study, way, n).values("test") for way in (HALVED, END))
        yield f"{n} labels {minus(half, every)}"
