"""Chapter 07: pictures of the tasks, and the runs of `tinyft study 07` read in words."""

import numpy as np

from tinyft import nn, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.transfer.ch07_which_layers import (
    ARMS,
    FITTED,
    HEAD_FIRST,
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
    """Rows: what the probes and auto-RGN say, and what trying says of the head."""
    rows = []
    for name in STUDIED:
        lost = max(probes[name].values()) - probes[name]["pooled"]
        says = "earlier" if lost > GAP else "head"
        other = max(ARMS[:2], key=lambda b: np.mean(best(study, name)[b]))
        trying = f"{_minus(study, name, 'head', other)}, {other}"
        rows.append([name, f"{lost:.2f}", says, _votes(name), trying])
    return rows


def _agree(study, probes):
    """In how many tasks a probe at the end within GAP means a head within GAP."""
    found = 0
    for name in STUDIED:
        lost = max(probes[name].values()) - probes[name]["pooled"]
        tried = {b: np.mean(v) for b, v in best(study, name).items()}
        found += (lost > GAP) == (max(tried.values()) - tried["head"] > GAP)
    return found


def _picks(name):
    """The part of largest relative gradient, for each seed's 100 examples."""
    found = [relative_gradients(name, seed) for seed in SEEDS]
    return [max(one, key=one.get) for one in found]


def _votes(name):
    """What auto-RGN picks, by seed: "layer1 5 of 5"."""
    picks = _picks(name)
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
    wavering = sum(len(set(_picks(name))) > 1 for name in STUDIED)
    return (
        "**Read it so.** Whether the head is enough, the probes say as trying does in "
        f"{_agree(study, probes)} of {len(STUDIED)} tasks. Texture against shape is a "
        "crossing: layer1 minus the head is "
        f"{_minus(study, 'fine texture', 'layer1', 'head')} on fine textures and "
        f"{_minus(study, 'shape', 'layer1', 'head')} on shapes. High against low "
        "*frequency* is not: on coarse textures it is "
        f"{_minus(study, 'coarse texture', 'layer1', 'head')}, for the early part again. "
        "The probes suggest why: of either texture, much does not reach the end. "
        f"Auto-RGN changes its mind with the 100 examples in {wavering} tasks. (It "
        "is not the choice of the rate: the best mean that the head has on fine textures "
        f"at any rate of the grid, picked on the test images, is {_ceiling(study):.3f}.)"
    )


def _ceiling(study):
    """The head's best mean test accuracy on fine textures, whatever the rate."""
    by_rate = study.where(task="fine texture", block="head").by("lr", "test")
    return max(np.mean(values) for values in by_rate.values())


def after_head(study):
    """Rows: test accuracy of a part that is tuned after the head, at every rate."""
    return [
        [name, block, *(said(v, 3) for v in _after(study, name, block).values())]
        for name in FITTED
        for block in HEAD_FIRST
    ]


def _after(study, name, block):
    return study.where(task=name, block=block).by("lr", "test")


def protocol(study):
    """How much of the crossing was the frozen old head, in words."""
    after = _after(study, "shape", HEAD_FIRST[0]).values()
    means, head = [np.mean(v) for v in after], np.mean(best(study, "shape")["head"])
    fine = {b: _after(study, "fine texture", b)[3e-3] for b in HEAD_FIRST}
    mean, half = interval(np.subtract(*fine.values()))
    word = "settled" if abs(mean) > half else "not settled"
    return (
        "**Why.** After a head that was fitted first, layer1 gives "
        f"{min(means):.3f} to {max(means):.3f} on shapes (the head alone: {head:.3f}): "
        f"what was {_minus(study, 'shape', 'layer1', 'head')} is "
        f"{100 * (max(means) - head):+.1f} at the smallest rate. So the crossing was "
        "nearly all the *old head*: layer1 alone had to move the images to where a "
        "frozen head puts other names. Fine textures go on "
        "to favour the early part: after the head, layer1 minus layer3 is "
        f"{100 * mean:+.1f} ± {100 * half:.1f} points ({word}) at the rate 0.003. "
        'A sentence like "early layers are better for this task" is worth nothing '
        "without the words *what was frozen, and in which state*."
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
    listed = "; ".join(
        f"{n}: " + ", ".join(f"{b} {rate:g}" for b, rate in both.items())
        for n, both in rates.items()
    )
    return [
        ["first", "probe the depths", f"best depth − end: {gaps}"],
        [
            "end as good",
            "head; fit it before any other part",
            f"shape, minus layer1: {shape}",
        ],
        ["far below", "an early part", f"fine texture, minus the head: {fine}"],
        ["which early part", "try, on validation data", "the table of section 6"],
        ["learning rate", "its own for each part", f"best: {listed}"],
        [
            "cost of early",
            "few parameters, but the whole backward pass",
            f"layer1 {size['layer1']:,}, layer3 {size['layer3']:,} parameters; the "
            "gradient must travel through all layers to reach layer1",
        ],
    ]
