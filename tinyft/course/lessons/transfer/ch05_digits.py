"""Chapters 05 and 06: shifted digits for the shipped ResNet, few labels, one fine-tune.

    few = few_labels("inverted", 16, seed)      (x, y), drawn from the training images
    held = held_out("inverted")                 {"valid", "test": (x, y)}
    losses = tune(model, few, lr, steps, seed)  AdamW, batches of at most 32

The ResNet was trained on the training images as they are; the held-out ones it has
never seen. Its BatchNorm statistics stay frozen throughout: chapter 10 is about them.
"""

from functools import cache

import numpy as np

from tinyft import backend, data, no_grad, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, said, train
from tinyft.course.plot import show
from tinyft.data.digits import translate
from tinyft.models import ResNet
from tinyft.training.pretrained import load_pretrained

BASE = "resnet_digits"
DEPTHS = ("layer1", "layer2", "layer3")
AVERAGED = "layer3, averaged"  # over its pixels: what `fc` reads
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


def untrained(seed):
    """A network of the base's shape with random weights; its BatchNorm learns."""
    return ResNet(base(), rng=seed)


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


@cache
def _held_features(layer):
    held = held_out("inverted")
    return {part: (_flat(x, layer), y) for part, (x, y) in held.items()}


def _flat(x, layer):
    """Features (n, d) of one of DEPTHS, flattened, or averaged over the pixels."""
    maps = backend.asnumpy(transfer.features(base(), x, layer.partition(",")[0]))
    maps = maps.mean((2, 3)) if layer == AVERAGED else maps.reshape(len(x), -1)
    return maps.astype(float)


def probes(few, layers=DEPTHS):
    """Linear probes (chapter 04) of inverted digits: {"layer", "valid", "test"}, each.

    One for each layer and penalty; shares of right answers. A class without a label is
    never predicted.
    """
    classes, y = np.unique(few[1], return_inverse=True)
    found = []
    for layer in layers:
        Z = _flat(few[0], layer)
        for relative in (1e-5, 1e-4, 1e-3, 1e-2, 0.1):  # in spreads
            fitted = transfer.linear_probe(Z, y, relative * transfer.spread(Z))
            right = {
                part: float((classes[fitted.predict(F)] == labels).mean())
                for part, (F, labels) in _held_features(layer).items()
            }
            found.append({"layer": layer} | right)
    return found


def best_probe(found):
    """The first of `probes` that is best on valid."""
    return max(found, key=lambda one: one["valid"])


def probe(few):
    """The probe of the layer and penalty best on valid: {"valid": error, "test": right}."""
    best = best_probe(probes(few))
    return {"valid": 1 - best["valid"], "test": best["test"]}


def by_depth(labels, seeds=SEEDS):
    """(titles, rows): a probe's test accuracy at each depth, in how many draws chosen.

    The last row is what `fc` reads; the study's probe could not choose it.
    """
    draws = [few_labels("inverted", labels, seed) for seed in seeds]
    picks = [best_probe(probes(few))["layer"] for few in draws]
    rows = []
    for layer in (*DEPTHS, AVERAGED):
        right = [100 * best_probe(probes(few, (layer,)))["test"] for few in draws]
        rows.append([layer, said(right, 1), f"{picks.count(layer)} of {len(picks)}"])
    return ["features of", "test accuracy, %", "chosen on valid"], rows


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


def scaled(model, parts, factors=(1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1)):
    """(factor, loss on test): all outputs times the factor with the least loss on valid.

    One factor for all outputs changes how certain the model is, and none of its answers.
    """
    losses = {}
    with no_grad(), model.evaluating():
        outputs = {part: model(tensor(x)) for part, (x, _) in parts.items()}
        for factor in factors:
            losses[factor] = {
                part: ops.cross_entropy(out * factor, parts[part][1]).item()
                for part, out in outputs.items()
            }
    best = min(factors, key=lambda factor: losses[factor]["valid"])
    return best, losses[best]["test"]


def show_shifts(*names):
    """One held-out digit as it was, and as each of these shifts shows it."""
    import matplotlib.pyplot as plt

    x, y = _images("test")
    x, y = x[:1], y[:1]  # 1 is white
    shown = {"as it was": (x, y)} | {k: SHIFTS[k](x, y) for k in names or SHIFTS}
    fig, axes = plt.subplots(1, len(shown), figsize=(1.7 * len(shown), 2.0))
    for ax, (name, (x, y)) in zip(axes, shown.items()):
        ax.imshow(x[0, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{name}\nclass {y[0]}", fontsize=9)
        ax.axis("off")
    caption = f"One digit of 8 × 8 pixels: {', '.join(shown)}. White is 1, black is 0."
    show(fig, f"{len(shown)} small grey images. {caption}", caption)


def report(history, models, test):
    """Print where a run of `fit` stopped, and the test accuracy of {name: model}."""
    best = int(np.argmax(history["accuracy"]))
    print(
        f"stopped after step {history['step'][-1]}; best at step {history['step'][best]}, "
        f"{history['accuracy'][best]:.1%} on the held-back tenth"
    )
    right = {k: f"{scores(m, test)[1]:.1%}" for k, m in models.items()}
    print("test accuracy:", ", ".join(f"{k} {v}" for k, v in right.items()))
