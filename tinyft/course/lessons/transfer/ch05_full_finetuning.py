"""Chapter 05: full fine-tuning on few labels, and the runs of `tinyft study 05`."""

import numpy as np

from tinyft import optim, transfer
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.runs import CHOOSING
from tinyft.training import EarlyStopping

SHIFT, COUNTS, STEPS, EVERY = "inverted", (8, 16, 64), 100, 5
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
WAYS = {  # how long to train, and on what the end is decided
    "to the end": "all labels train, 100 steps",
    "stopped, 120 more labels": "all labels train, 120 further ones decide",
    "stopped, half held back": "half of the labels train, the other half decides",
}


def follow(model, few, lr, seed, measures, steps=STEPS):
    """Train everything at a constant rate by AdamW; a row of numbers every five steps.

    measures: {name: model -> number}, taken before the first step too.  Returns
    {"step": [...], "training loss": [...] of that batch, name: [...]}.
    """
    step = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    draw = digits.batches(few)(np.random.default_rng(seed))
    rows = {"step": [], "training loss": [], **{name: [] for name in measures}}
    for t in range(steps + 1):
        loss = digits.loss(model, *next(draw))
        if t % EVERY == 0:
            found = {"step": t, "training loss": loss.item()}
            found |= {name: measure(model) for name, measure in measures.items()}
            for name, value in found.items():
                rows[name].append(value)
        loss.backward()
        step.step()
        step.zero_grad()
    return rows


# --- tinyft study 05 -------------------------------------------------------------------
def plan():
    """Three ways to spend 8 to 64 labels."""
    runs = [
        {"way": way, "labels": n, "lr": lr}
        for way in WAYS
        for n in COUNTS
        for lr in RATES
    ]
    low = [0.0001, 0.00003]  # the best of RATES was the smallest there
    runs += [{"way": "stopped, 120 more labels", "labels": 8, "lr": lr} for lr in low]
    return [one | {"seed": seed} for seed in CHOOSING for one in runs]


def run(way, labels, lr, seed):
    """One full fine-tuning; what it reached on held-out images, where, and how far off."""
    model, few = digits.base(), digits.few_labels(SHIFT, labels, seed)
    start, held = transfer.snapshot(model), digits.held_out(SHIFT)
    kept = None
    if way == "stopped, half held back":
        few, kept = halves(few)
    elif way == "stopped, 120 more labels":
        kept = held["valid"]
    stop = EarlyStopping(patience=STEPS)  # never ends the run: its best weights count

    def decide(model):
        return kept and stop.update(digits.scores(model, kept)[0], model)

    rows = follow(model, few, lr, seed, {"decides": decide})
    best = len(rows["step"]) - 1 - stop.bad
    stop.restore(model)
    loss, right = digits.scores(model, held["test"])
    return {
        "valid": 1 - digits.scores(model, held["valid"])[1],  # the rate is chosen by it
        "loss": loss,
        "test": right,
        "step": rows["step"][best],
        "train": rows["training loss"][best],
        "distance": transfer.distance(model, start),
    }


def halves(few):
    """Two halves of (x, y): to train on, and to decide with."""
    x, y = few
    half = len(y) // 2
    return (x[:half], y[:half]), (x[half:], y[half:])
