"""Chapters 05 and 06: shifted digits for the shipped ResNet, few labels, one fine-tune.

    few = few_labels("inverted", 16, seed)      (x, y), drawn from the training images
    held = held_out("inverted")                 {"valid", "test": (x, y)}
    losses = tune(model, few, lr, steps, seed)  AdamW, batches of at most 32

The ResNet was trained on the training images as they are; the held-out ones it has
never seen. Its BatchNorm statistics stay frozen throughout: chapter 10 is about them.
"""

from functools import cache

import numpy as np

from tinyft import data, no_grad, ops, tensor, transfer
from tinyft.course.experiment import train
from tinyft.data.digits import translate
from tinyft.training.pretrained import load_pretrained

BASE = "resnet_digits"
BOARD = (-1.0) ** np.add.outer(np.arange(8), np.arange(8)).astype("f4")
SHIFTS = {  # (x, y) -> (x, y) of the target
    "inverted": lambda x, y: (1 - x, y),
    "checkerboard": lambda x, y: (0.5 + (x - 0.5) * BOARD, y),
    "moved": lambda x, y: (translate(x, 2, 0), y),
    "renamed": lambda x, y: (x, (y + 3) % 10),
}


def base():
    """A fresh copy of the ResNet, its BatchNorm statistics frozen."""
    model = load_pretrained(BASE)[0]
    transfer.batchnorm(model, "freeze")
    return model


@cache
def _images(split):
    return data.load_digits(split)


def few_labels(shift, count, seed):
    """`count` examples (x, y) of the target, drawn by the seed."""
    x, y = SHIFTS[shift](*_images("train"))
    rows = np.random.default_rng(seed).permutation(len(y))[:count]
    return x[rows].astype("f4"), y[rows]


@cache
def held_out(shift):
    """{"valid": 120 examples, "test": 239}, of images that the base has never seen."""
    x, y = SHIFTS[shift](*_images("test"))
    first = np.arange(len(y)) % 3 == 0
    parts = {"valid": first, "test": ~first}
    return {k: (x[rows].astype("f4"), y[rows]) for k, rows in parts.items()}


def loss(model, x, y):
    """Mean cross-entropy: what is trained."""
    return ops.cross_entropy(model(x), y)


def batches(few, size=32):
    """rng -> endless batches of at most `size` different examples."""

    def draw(rng):
        x, y = few
        while True:
            rows = rng.permutation(len(y))[:size]
            yield x[rows], y[rows]

    return draw


def tune(model, few, lr, steps, seed=0):
    """Train what takes a gradient on the few examples; the loss before every step."""
    return train(model, batches(few), lr, steps, seed, loss)


def scores(model, part):
    """(mean cross-entropy, accuracy) of (x, y), in evaluation mode."""
    x, y = part
    with no_grad(), model.evaluating():
        out = model(tensor(x))
        return ops.cross_entropy(out, y).item(), float(
            (out.numpy().argmax(1) == y).mean()
        )


def wrong(model, part):
    """Mean cross-entropy of the examples of (x, y) that are classified wrongly."""
    x, y = part
    with no_grad(), model.evaluating():
        out = model(tensor(x))
        each = ops.cross_entropy(out, y, reduction="none").numpy()
    return float(each[out.numpy().argmax(1) != y].mean())
