"""Chapter 07: pictures of the tasks, and the runs of `tinyft study 07` read in words."""

import numpy as np

from tinyft import nn, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.transfer.ch07_which_layers import (
    ARMS,
    STUDIED,
    TASKS,
    groups,
    network,
    relative_gradients,
    task,
)
from tinyft.course.plot import curves, show

GAP = 0.05  # more than the noise of 400 validation images, which is 0.025


def roll(x, shift):
    """x (N,), a Tensor, moved on by `shift` places around the circle."""
    return ops.roll(x, shift)


def toy_gradients(kernel, readout, target):
    """‖∇‖/‖θ‖ of the two parts of ⟨w, k∗x⟩ at the loss ½|β − β*|²."""
    k, w = (nn.Parameter(p.copy(), dtype="float64") for p in (kernel, readout))
    beta = sum(k[i] * roll(w, i - len(k) // 2) for i in range(len(k)))
    (((beta - tensor(target)) ** 2).sum() * 0.5).backward()
    return transfer.relative_gradients({"early": [k], "late": [w]})


def show_tasks():
    """One digit as it is, and as each task shows it."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 4, figsize=(7.2, 2.1))
    for ax, name in zip(axes, TASKS):
        x, y = task(name, "test")
        ax.imshow(x[6, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{name}: class {y[6]}", fontsize=9)
        ax.axis("off")
    text = "The same digit in four tasks, with the class it has in each."
    show(fig, f"Four small grey images. {text}", text)


def best(study, name):
    """{part: its five test accuracies} of a task, each part at its best rate."""
    return {b: _at_best(study, name, b).values("test") for b in ARMS}


def winner(study, name):
    """The part with the smallest validation loss at its best rate."""
    return min(ARMS, key=lambda b: np.mean(_at_best(study, name, b).values("valid")))


def _at_best(study, name, block):
    return study.where(task=name, block=block).at_best_rate()


def accuracies(study):
    """Rows of test accuracy: a task, then every part."""
    return [[n, *(said(v, 3) for v in best(study, n).values())] for n in STUDIED]


def draw(study):
    """Test accuracy of the parts, a line per task."""
    curves(
        {n: np.transpose(list(best(study, n).values())) for n in STUDIED},
        "part trained alone: 1 layer1, 2 layer3, 3 the head",
        "test accuracy",
        "Figure 3. One line per task, from the earliest part to the head. Bands: 95 %, "
        "five seeds.",
        x=range(1, 4),
    )


def choices(study, probes):
    """Rows: what the probes and auto-RGN say, and the best part by trying."""
    rows = []
    for name in STUDIED:
        lost = max(probes[name].values()) - probes[name]["pooled"]
        says = "earlier" if lost > GAP else "head"
        rows.append([name, f"{lost:.2f}", says, _votes(name), winner(study, name)])
    return rows


def _votes(name):
    """What auto-RGN picks, by seed: "layer1 5 of 5"."""
    found = [relative_gradients(name, seed) for seed in SEEDS]
    picks = [max(one, key=one.get) for one in found]
    return ", ".join(
        f"{p} {picks.count(p)} of {len(picks)}" for p in dict.fromkeys(picks)
    )


def _minus(study, name, one, other):
    both = best(study, name)
    mean, half = interval(np.subtract(both[one], both[other]))
    word = "settled" if abs(mean) > half else "not settled"
    return f"{100 * mean:+.1f} ± {100 * half:.1f} points ({word})"


def conclusion(study, probes):
    """What the study says, in words."""
    right = sum(
        (row[2] == "head") == (row[4] == "head") for row in choices(study, probes)
    )
    return (
        f"**Read it so.** Whether the head is enough, the probes say as trying does in "
        f"{right} of {len(STUDIED)} tasks. There is a crossing: layer1 minus the head is "
        f"{_minus(study, 'fine texture', 'layer1', 'head')} on fine textures and "
        f"{_minus(study, 'shape', 'layer1', 'head')} on shapes. Is it *frequency* that "
        f"decides? Coarse textures: {_minus(study, 'coarse texture', 'layer1', 'head')}. "
        'The rule "high → early, low → late" would have the order turned round there; '
        "what the probes measure, whether the information still reaches the end, is the "
        "better guide. Frequency shows in how much it costs to be late: layer1 minus "
        f"layer3 is {_minus(study, 'fine texture', 'layer1', 'layer3')} on fine and "
        f"{_minus(study, 'coarse texture', 'layer1', 'layer3')} on coarse textures."
    )


def rows(study, probes):
    """Rows (what, do, measured) of "What to set"."""
    lost = {n: max(p.values()) - p["pooled"] for n, p in probes.items()}
    gaps = ", ".join(f"{n} {v:.2f}" for n, v in lost.items())
    net = network()
    size = {k: sum(p.size for p in ps) for k, ps in groups(net).items()}
    shape = _minus(study, "shape", "head", "layer1")
    fine = _minus(study, "fine texture", "layer1", "head")
    rates = {
        n: {b: study.where(task=n, block=b).best_rate() for b in ("head", "layer1")}
        for n in ("shape", "fine texture")
    }
    return [
        ["first", "probe the depths", f"best depth − end: {gaps}"],
        ["probe at the end as good", "head", f"shape, minus layer1: {shape}"],
        ["far below", "an early part", f"fine texture, minus the head: {fine}"],
        ["which early part", "try, on validation data", "the table of section 6"],
        ["learning rate", "its own for each part", f"best for the four tasks: {rates}"],
        [
            "cost of early",
            "few parameters, but the whole backward pass",
            f"layer1 {size['layer1']:,}, layer3 {size['layer3']:,} parameters; the "
            "gradient must travel through all layers to reach layer1",
        ],
    ]
