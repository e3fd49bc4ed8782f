"""Chapter 07: new tasks for a trained digit network, and the runs of `tinyft study 07`.

task(name, split, seed)          (x, y): texture (fine or coarse), shape, inverted
tuned(name, block, lr, seed)     the network after training one block alone
probe(name, seed)                how well a linear readout of each depth does
picture(...), draw_...           the chapter's figures
"""

from functools import cache

import numpy as np

from tinyft import backend, data, no_grad, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, train
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained
from tinyft.transfer.drift import features
from tinyft.transfer.freeze import matching

BASE = "resnet_digits"
TASKS = ("fine texture", "coarse texture", "shape", "inverted")
STUDIED, ARMS = TASKS[:3], ("layer1", "layer3", "head")  # of the study
FITTED = ("fine texture", "shape")  # also with a head that is fitted first
HEAD_FIRST = ("head, then layer1", "head, then layer3")
BLOCKS = {  # what trains; all the rest is frozen
    "head": "^fc",
    "layer1": r"^conv1|^bn1|^layer1",
    "layer2": "^layer2",
    "layer3": "^layer3",
}
DEPTHS = ("conv1", "layer1", "layer2", "layer3")
LABELS, STEPS, AMOUNT = 100, 100, 0.15
HEAD_RATE = 1e-2  # of a head that is fitted first: its best rate in the study
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
HEAD_RATES = (3e-3, 1e-2, 3e-2, 0.1, 0.3)
AFTER_RATES = (1e-3, 3e-3, 1e-2)  # of a part that is tuned after the head


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


# --- the network -----------------------------------------------------------------------
def network():
    """The shipped ResNet of 174,970 parameters; its BatchNorm statistics are frozen."""
    net = load_pretrained(BASE)[0]
    transfer.batchnorm(net, "freeze")
    return net


def groups(net):
    """{block: its parameters}."""
    return {name: [*matching(net, p).values()] for name, p in BLOCKS.items()}


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


def tuned(name, block, lr, seed, steps=STEPS):
    """The network after training one block; the others stay frozen, the head too.

    "head, then layer1": the head is fitted first, at HEAD_RATE, and frozen again.
    """
    net, (*first, last) = network(), block.split(", then ")
    drawn = batches(*labelled(name, seed)["train"])
    for part, rate in [(b, HEAD_RATE) for b in first] + [(last, lr)]:
        transfer.freeze(net, ".*")
        transfer.unfreeze(net, BLOCKS[part])
        train(net, drawn, rate, steps, seed, cross_entropy)
    return net


def evaluate(net, x, y):
    """(loss, accuracy) on images x; smoothed labels, so that being sure does not pay."""
    with no_grad(), net.evaluating():
        logits = net(tensor(x))
        loss = ops.cross_entropy(logits, tensor(y), label_smoothing=0.1).item()
        return loss, float((logits.numpy().argmax(1) == y).mean())


def relative_gradients(name, seed):
    """Auto-RGN of the untouched network on the 100 labelled examples."""
    net = network()
    cross_entropy(net, *map(tensor, labelled(name, seed)["train"])).backward()
    return transfer.relative_gradients(groups(net))


# --- what each depth still knows -------------------------------------------------------
def ridge(F, y, G, penalty=1e-2):
    """Class scores on features G of least squares on (F, one-hot y), in dual form."""
    F, G = (backend.asnumpy(a).reshape(len(a), -1).astype(float) for a in (F, G))
    mean = F.mean(0)
    F, G = F - mean, G - mean
    K = F @ F.T
    share = penalty * np.trace(K) / len(K)
    Y = np.eye(10)[y] - np.eye(10)[y].mean(0)
    return G @ F.T @ np.linalg.solve(K + share * np.eye(len(K)), Y)


def probe(name, seed):
    """{depth: accuracy of a linear readout there}, on the validation part.

    Fitted on the 100 examples; "pixels" is the input, "pooled" what the head reads.
    """
    (x, y), (xv, yv) = (labelled(name, seed)[k] for k in ("train", "valid"))
    net = network()
    F, G = ({"pixels": a} | features(net, a, DEPTHS) for a in (x, xv))
    F["pooled"], G["pooled"] = (h["layer3"].mean((2, 3)) for h in (F, G))
    return {k: float((ridge(F[k], y, G[k]).argmax(1) == yv).mean()) for k in (*F,)}


# --- tinyft study 07 -------------------------------------------------------------------
def plan():
    """Every task and block on the grid of rates, two seeds each.

    After the head, all seeds at all rates: the smallest rate, hardly any tuning, would
    win on shapes, so there is none to choose.
    """
    grid = [
        {"task": name, "block": block, "lr": rate, "seed": seed}
        for seed in CHOOSING
        for name in STUDIED
        for block in ARMS
        for rate in (HEAD_RATES if block == "head" else RATES)
    ]
    return grid + [
        {"task": name, "block": block, "lr": rate, "seed": seed}
        for seed in SEEDS
        for name in FITTED
        for block in HEAD_FIRST
        for rate in AFTER_RATES
    ]


def run(task, block, lr, seed):
    """One fine-tuning run: {"valid": loss, "test": accuracy}."""
    net, parts = tuned(task, block, lr, seed), labelled(task, seed)
    valid = evaluate(net, *parts["valid"])[0]
    return {"valid": valid, "test": evaluate(net, *parts["test"])[1]}
