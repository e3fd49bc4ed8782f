"""Chapter 04: digits that the checkpoint has never seen, and the runs of `tinyft study 04`.

The source has seen the digits 0 to 5. The task is to tell 6, 7, 8 and 9 apart: classes
0, 1, 2, 3 here. Labels are drawn from one part of the training digits, penalties and
rates are chosen on another, results come from the test digits.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import backend, data, no_grad, ops, tensor, transfer
from tinyft.course.experiment import interval, train
from tinyft.course.runs import CHOOSING
from tinyft.models import ResNet
from tinyft.training.metrics import accuracy, evaluate
from tinyft.training.pretrained import load_pretrained

SOURCE, CLASSES = "resnet_digits6", (6, 7, 8, 9)
LABELS = (1, 5, 20, 50)  # per class
RELATIVE = tuple(10.0**k for k in range(-5, 2))  # penalties, in units of `spread`
DRAWS = range(10)
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


@cache
def parts():
    """{"pool", "valid", "test": (images (n, 1, 8, 8), labels (n,) of 0 ... 3)}."""
    x, y = data.load_digits("train", CLASSES)
    third = np.arange(len(x)) % 3 == 2
    halves = {"pool": (x[~third], y[~third] - 6), "valid": (x[third], y[third] - 6)}
    x, y = data.load_digits("test", CLASSES)
    return halves | {"test": (x, y - 6)}


def draw(per_class, seed):
    """Rows of the pool: `per_class` of every class, drawn with this seed."""
    rng, y = np.random.default_rng(seed), parts()["pool"][1]
    rows = [rng.permutation(np.flatnonzero(y == k))[:per_class] for k in range(4)]
    return np.concatenate(rows)


def flat(z):
    """(n, d): one row per image."""
    return backend.asnumpy(z).reshape(len(z), -1)


def pooled(z):
    """(n, channels): the mean over positions."""
    return backend.asnumpy(z).mean(axis=(2, 3))


def views(model, layer, shape=flat):
    """{part: features (n, d)} of a layer of a model, float64; layer None: the pixels."""
    found = {}
    for name, (x, _) in parts().items():
        z = shape(x if layer is None else transfer.features(model, x, layer))
        found[name] = backend.asnumpy(z).astype(float)
    return found


def swept(view, per_class, seed, loss="squared"):
    """(accuracies on valid, accuracies on test), one per penalty of RELATIVE.

    W lies in the span of the labelled rows, so all are first written in a basis of it:
    the same probes, in as many dimensions as there are labels.
    """
    rows, labels = draw(per_class, seed), {k: y for k, (_, y) in parts().items()}
    basis = np.linalg.qr(view["pool"][rows].T)[0]
    low = {name: Z @ basis for name, Z in view.items() if name != "pool"}
    Z, y, found = view["pool"][rows] @ basis, labels["pool"][rows], []
    for relative in RELATIVE:
        probe = transfer.linear_probe(Z, y, relative * transfer.spread(Z), loss)
        found.append([probe.accuracy(low[k], labels[k]) for k in ("valid", "test")])
    return np.transpose(found)


def chosen(view, per_class, seed, loss="squared", part="test"):
    """Accuracy at the penalty that is best on valid; of equal ones the largest."""
    valid, test = swept(view, per_class, seed, loss)
    best = len(valid) - 1 - np.argmax(valid[::-1])
    return {"valid": valid, "test": test}[part][best]


def over_draws(view, per_class, loss="squared", part="test"):
    """`chosen` for each draw of labels: an array (10,)."""
    return np.array([chosen(view, per_class, seed, loss, part) for seed in DRAWS])


def swapped(view, per_class):
    """Share of the test 6s and 9s taken for one another, λ from valid, for each draw."""
    x, y, found = view["test"], parts()["test"][1], []
    for seed in DRAWS:
        valid = swept(view, per_class, seed)[0]
        relative = RELATIVE[len(valid) - 1 - np.argmax(valid[::-1])]
        got = fitted(view, draw(per_class, seed), relative).predict(x)
        found.append(np.mean(got[y % 3 == 0] == 3 - y[y % 3 == 0]))
    return np.array(found)


def fitted(view, rows, relative):
    """A probe on rows of the pool."""
    Z, y = view["pool"][rows], parts()["pool"][1][rows]
    return transfer.linear_probe(Z, y, relative * transfer.spread(Z))


def class_means(Z, y):
    """YᶜᵀZᶜ (K, d): the sums of the centred features of each class, equally many each."""
    return np.eye(y.max() + 1)[y].T @ (Z - Z.mean(axis=0))


def cosine(a, b):
    """Of two arrays of one shape: 1 for the same direction."""
    return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))


def turn(view, per_class):
    """Means over draws of (cosine of the small-λ W and the class means, share of the
    spread in its main direction)."""
    found = []
    for seed in DRAWS:
        rows = draw(per_class, seed)
        Z, y = view["pool"][rows], parts()["pool"][1][rows]
        W = transfer.linear_probe(Z, y, RELATIVE[0] * transfer.spread(Z)).weight
        squares = np.linalg.svd(Z - Z.mean(axis=0), compute_uv=False) ** 2
        found.append([cosine(W, class_means(Z, y)), squares[0] / squares.sum()])
    return np.mean(found, axis=0)


def over_untrained(layer, shape, per_class):
    """`over_draws` for networks before any training, another one for every draw."""
    shapes = load_pretrained(SOURCE)[0]
    networks = (ResNet(shapes, rng=seed) for seed in DRAWS)
    found = (views(network, layer, shape) for network in networks)
    return np.array([chosen(view, per_class, k) for k, view in enumerate(found)])


# --- fine-tuning ---------------------------------------------------------------------


def cross_entropy(model, x, y):
    """The mean loss of a batch."""
    return ops.cross_entropy(model(x), y)


def labelled(per_class, seed):
    """(x, y, a function that gives them as every batch)."""
    rows = draw(per_class, seed)
    x, y = (part[rows] for part in parts()["pool"])
    return x, y, lambda rng: itertools.repeat((x, y))


def score(model, part="test"):
    """Accuracy of a model on a part."""
    return evaluate(model, [parts()[part]], accuracy=accuracy)["accuracy"]


def head_probe(model, x, y):
    """A probe on what `fc` reads, its penalty the best on valid."""
    valid, labels = parts()["valid"]
    Z, V = (pooled(transfer.features(model, a, "layer3")) for a in (x, valid))
    scale = transfer.spread(Z)
    probes = [transfer.linear_probe(Z, y, r * scale, "logistic") for r in RELATIVE]
    return max(probes, key=lambda probe: probe.accuracy(V, labels))


def fine_tuned(start, per_class, lr, seed, steps=60):
    """The whole model trained, from a "random" head or from a "probe" (LP-FT)."""
    model = load_pretrained(SOURCE)[0]
    x, y, batches = labelled(per_class, seed)
    head = 4 if start == "random" else head_probe(model, x, y)
    transfer.head_only(model, "fc", head, rng=seed)
    model.requires_grad_(True)
    train(model, batches, lr, steps, seed, cross_entropy)
    return model


# --- the study -----------------------------------------------------------------------


def plan():
    """Full fine-tuning from two heads: a grid of rates for each, two seeds."""
    return [
        {"start": start, "labels": per_class, "lr": lr, "seed": seed}
        for start, per_class in (("random", 5), ("probe", 5))
        for lr, seed in itertools.product(RATES, CHOOSING)
    ]


def run(start, labels, lr, seed):
    """{"valid": share of errors, "test": accuracy} of one run."""
    model = fine_tuned(start, labels, lr, seed)
    return {"valid": 1 - score(model, "valid"), "test": score(model)}


def paired(a, b):
    """The mean of a − b and its half interval, in points of accuracy."""
    mean, half = interval(100 * (np.asarray(a) - np.asarray(b)))
    return f"{mean:+.1f} ± {half:.1f}"


def percent(values):
    """Mean and half interval of accuracies, in per cent."""
    mean, half = interval(100 * np.asarray(values))
    return f"{mean:.1f} ± {half:.1f}"


def chosen_on_test(stages, per_class, count):
    """(best accuracy on `count` test images over all stages and penalties, the accuracy
    of that choice on the other test images), for each draw."""
    found = []
    y = parts()["test"][1]
    for seed in DRAWS:
        few = np.random.default_rng(seed).permutation(len(y))[:count]
        rest, rows = np.setdiff1d(np.arange(len(y)), few), draw(per_class, seed)
        tried = []
        for view in stages.values():
            Z, labels = view["pool"][rows], parts()["pool"][1][rows]
            for relative in RELATIVE:
                probe = transfer.linear_probe(Z, labels, relative * transfer.spread(Z))
                right = probe.predict(view["test"]) == y
                tried.append((right[few].mean(), right[rest].mean()))
        found.append(max(tried, key=lambda pair: pair[0]))
    return np.transpose(found)


# --- mistakes --------------------------------------------------------------------------


def in_training_mode(model, x, batch):
    """What `fc` reads, (n, d), with BatchNorm in training mode: a mistake."""
    model.train()
    with no_grad():
        starts = range(0, len(x), batch)
        found = [model.features(tensor(x[i : i + batch])).numpy() for i in starts]
    return np.concatenate(found)


def moved(model, base):
    """How many arrays of the base's state differ in `model`."""
    old = base.state_dict()
    new = model.state_dict().items()
    return sum((p.numpy() != old[name].numpy()).any() for name, p in new)
