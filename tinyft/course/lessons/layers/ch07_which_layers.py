"""Chapter 07: new tasks for a trained digit network, and the runs of `tinyft study 07`.

task(name, split, seed)          (x, y): texture (fine or coarse), shape, inverted
fit(net, part, lr, x, y)         one part of any such network, trained on 100 images
tuned(name, block, lr, seed)     the shipped network after that, on a task
outputs(net, x, depth)           what a linear readout may read at a depth
"""

from functools import cache

import numpy as np

from tinyft import backend, data, no_grad, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, train
from tinyft.course.plot import show
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained
from tinyft.transfer.freeze import matching
from tinyft.transfer.linear_probe import features

BASE = "resnet_digits"
TASKS = ("fine texture", "coarse texture", "shape", "inverted")
ARMS = ("layer1", "layer2", "layer3", "head", "all")
STUDIED = dict.fromkeys(TASKS, ARMS)
HEAD_FIRST = {  # also with a head that is fitted first
    "fine texture": ("head, then layer1", "head, then layer3"),
    "shape": ("head, then layer1", "head, then all"),
}
BLOCKS = {  # what trains; all the rest is frozen
    "layer1": r"^conv1|^bn1|^layer1",
    "layer2": "^layer2",
    "layer3": "^layer3",
    "head": "^fc",
    "all": ".*",
}
LAYERS = ("layer1", "layer2", "layer3")
DEPTHS = ("conv1", *LAYERS)
BELOW = {"layer2": "layer1", "layer3": "layer2", "head": "layer3"}  # frozen up to there
LABELS, STEPS, AMOUNT = 100, 100, 0.15
HEAD_RATE = 0.1  # of a head that is fitted first
RATES = {part: (3e-3, 1e-2, 3e-2, 0.1) for part in ARMS} | {
    "layer3": (1e-3, 3e-3, 1e-2, 3e-2, 0.1),
    "head": (3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0),
    "all": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
}
AFTER = {"layer1": 1e-2, "layer3": 1e-2, "all": 3e-3}  # rates after the head
DOUBTED = {"task": "fine texture", "block": "all"}  # five seeds at these rates too
SMALLER = (1e-3, 3e-3)
TRIALS = {  # (part, rate) worth trying after each verdict of the probes
    "head": (("head", 0.03), ("head", 0.3)),
    "earlier": (("layer1", 0.03), ("layer2", 0.01), ("layer3", 0.01), ("head", 0.3))
    + (("all", 0.003),),
}


# --- tasks -----------------------------------------------------------------------------
def waves(kind):
    """Four 8×8 patterns of mean square 1: "fine texture" at Nyquist or near it, or
    "coarse texture" of one cycle across the image."""
    i, j = np.mgrid[:8, :8]
    if kind == "fine texture":
        cycles = ((4, 0), (0, 4), (4, 4), (3, 3))
    else:
        cycles = ((1, 0), (0, 1), (1, 1), (1, -1))
    drawn = [np.cos(2 * np.pi * (a * i + b * j) / 8) for a, b in cycles]
    return np.stack([w / np.sqrt(np.mean(w**2)) for w in drawn])


def textured(x, kind, rng):
    """Half of each image's contrast, plus one of the four patterns with a random sign.

    Returns the images and which pattern each has.
    """
    which, sign = rng.integers(4, size=len(x)), rng.choice([-1, 1], size=len(x))
    added = waves(kind)[which] * (AMOUNT * sign)[:, None, None]
    return (0.25 + 0.5 * x + added[:, None]).astype("f4"), which


@cache
def task(name, split, seed=0):
    """(x (N, 1, 8, 8), y (N,)) of a task on the training or the test digits."""
    x, y = data.load_digits(split)
    if name.endswith("texture"):
        return textured(x, name, np.random.default_rng([seed, split == "test"]))
    return (1 - x, y) if name == "inverted" else (x, (y + 3) % 10)


@cache
def labelled(name, seed):
    """{"train": 100 examples, "valid": 400, "test": 359}, each (x, y)."""
    x, y = task(name, "train", seed)
    order = np.random.default_rng(seed).permutation(len(x))
    parts = {"train": order[:LABELS], "valid": order[LABELS : LABELS + 400]}
    return {k: (x[i], y[i]) for k, i in parts.items()} | {
        "test": task(name, "test", seed)
    }


def show_tasks():
    """One digit as each task shows it; below, the patterns of both textures."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(3, 4, figsize=(7.2, 6.0))
    for ax, name in zip(axes[0], TASKS):
        x, y = task(name, "test")
        ax.imshow(x[6, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{name}: class {y[6]}", fontsize=9)
    for row, kind in zip(axes[1:], TASKS):
        for i, (ax, pattern) in enumerate(zip(row, waves(kind))):
            ax.imshow(pattern, cmap="gray", vmin=-2, vmax=2)
            ax.set_title(f"{kind.split()[0]} pattern {i}", fontsize=9)
    for ax in axes.flat:
        ax.axis("off")
    text = (
        "Above: one digit in four tasks, with its class in each. Below: the fine and the "
        "coarse patterns; one of them is added or subtracted, with a small contrast."
    )
    show(fig, f"Twelve small grey images. {text}", text)


# --- the network -----------------------------------------------------------------------
def network():
    """The shipped ResNet of 174,970 parameters; its BatchNorm statistics are frozen."""
    net = load_pretrained(BASE)[0]
    transfer.batchnorm(net, "freeze")
    return net


def groups(net):
    """{part: its parameters}, without "all"."""
    parts = list(BLOCKS.items())[:-1]
    return {name: [*matching(net, p).values()] for name, p in parts}


def cross_entropy(net, x, y):
    """The mean cross-entropy of the logits."""
    return ops.cross_entropy(net(x), y)


def batches(x, y, size=32):
    """rng → endless batches, drawn with replacement."""

    def endless(rng):
        while True:
            rows = rng.choice(len(x), size)
            yield x[rows], y[rows]

    return endless


def fit(net, part, lr, x, y, seed=0, steps=STEPS):
    """Train one part ("head", "layer1", ..., "all") on images x, y; the rest is frozen.

    AdamW, batches of 32. What lies below the part never changes, so it is computed once.
    In place; returns the network.
    """
    transfer.freeze(net, ".*")
    transfer.unfreeze(net, BLOCKS[part])
    train(net, batches(below(net, part, x), y), lr, steps, seed, above(part))
    return net


def below(net, part, x):
    """What a part reads: the outputs for images x of all that lies below it, (N, ...)."""
    if part not in BELOW:
        return x
    return backend.asnumpy(features(net, x, BELOW[part]))


def above(part):
    """(net, h, y) → the mean cross-entropy, from what the part reads on."""

    def loss(net, h, y):
        for name in LAYERS[LAYERS.index(BELOW[part]) + 1 :]:
            h = getattr(net, name)(h)
        return ops.cross_entropy(net.fc(h.mean(axis=(2, 3))), y)

    return loss if part in BELOW else cross_entropy


def tuned(name, block, lr, seed):
    """The shipped network after training one part on a task's 100 images.

    "head, then layer1": the head is fitted first, at HEAD_RATE, and frozen again.
    """
    net, (*first, last) = network(), block.split(", then ")
    for part, rate in [(b, HEAD_RATE) for b in first] + [(last, lr)]:
        fit(net, part, rate, *labelled(name, seed)["train"], seed)
    return net


def evaluate(net, x, y):
    """(loss, accuracy) on images x; smoothed labels, so that being sure does not pay."""
    with no_grad(), net.evaluating():
        logits = net(tensor(x))
        loss = ops.cross_entropy(logits, tensor(y), label_smoothing=0.1).item()
        return loss, float((logits.numpy().argmax(1) == y).mean())


# --- what each depth still knows -------------------------------------------------------
def outputs(net, x, depth):
    """(n, d): what a depth of the frozen network gives for images x, one row per image.

    "pixels" is the input, "pooled" what the head reads; the others are all numbers of
    one of DEPTHS, flattened.
    """
    if depth == "pixels":
        return x.reshape(len(x), -1)
    found = backend.asnumpy(features(net, x, "layer3" if depth == "pooled" else depth))
    return found.mean((2, 3)) if depth == "pooled" else found.reshape(len(x), -1)


# --- tinyft study 07 -------------------------------------------------------------------
def plan():
    """The parts of every task on their grids of rates, two seeds each; after the head,
    all seeds at one rate."""
    grid = [
        {"task": name, "block": block, "lr": rate, "seed": seed}
        for seed in CHOOSING
        for name, parts in STUDIED.items()
        for block in parts
        for rate in RATES[block]
    ]
    grid += [DOUBTED | {"lr": r, "seed": s} for s in SEEDS[2:] for r in SMALLER]
    return grid + [
        {"task": name, "block": block, "lr": after_rate(block), "seed": seed}
        for seed in SEEDS
        for name, parts in HEAD_FIRST.items()
        for block in parts
    ]


def after_rate(block):
    """The rate of the part that is tuned last: "head, then layer1"."""
    return AFTER[block.rpartition(" ")[2]]


def run(task, block, lr, seed):
    """One fine-tuning run: {"valid": error rate, "valid loss", "test": accuracy}.

    The smallest mean of "valid" chooses the rate, so it is chosen by accuracy.
    """
    net, parts = tuned(task, block, lr, seed), labelled(task, seed)
    loss, right = evaluate(net, *parts["valid"])
    test = evaluate(net, *parts["test"])[1]
    return {"valid": 1 - right, "valid loss": loss, "test": test}
