"""Chapter 04: two tasks for a frozen ResNet, and the runs of `tinyft study 04`.

"new digits": the source has seen the digits 0 to 5; the task is to tell 6, 7, 8 and 9
apart: classes 0, 1, 2, 3 here. "odd or even": the source tells all ten digits apart, the
images are those it has never seen. Labels are drawn from one part of the images,
penalties and rates are chosen on another, results come from a third.
"""

from functools import cache
from itertools import repeat

import numpy as np

from tinyft import backend, data, ops, transfer
from tinyft.course.experiment import said, said_gap, train
from tinyft.course.runs import CHOOSING
from tinyft.models import ResNet
from tinyft.training.metrics import accuracy, evaluate
from tinyft.training.pretrained import load_pretrained

SOURCE, CLASSES = "resnet_digits6", (6, 7, 8, 9)
NEW, PARITY = "new digits", "odd or even"
SOURCES = {NEW: SOURCE, PARITY: "resnet_digits"}
LABELS = (1, 5, 20, 50)  # per class
RELATIVE = tuple(10.0**k for k in range(-5, 2))  # penalties, in units of `spread`
DRAWS = range(10)
RATES = {NEW: (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), PARITY: (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)}


@cache
def parts(task=NEW):
    """{"pool", "valid", "test": (images (n, 1, 8, 8), labels (n,) of 0 ... K − 1)}."""
    if task == PARITY:
        x, y = data.load_digits("test")
        third = np.arange(len(x)) % 3
        names = enumerate(("pool", "valid", "test"))
        return {k: (x[third == i], y[third == i] % 2) for i, k in names}
    x, y = data.load_digits("train", CLASSES)
    third = np.arange(len(x)) % 3 == 2
    halves = {"pool": (x[~third], y[~third] - 6), "valid": (x[third], y[third] - 6)}
    x, y = data.load_digits("test", CLASSES)
    return halves | {"test": (x, y - 6)}


def draw(per_class, seed, task=NEW):
    """Rows of the pool: `per_class` of every class, drawn with this seed."""
    rng, y = np.random.default_rng(seed), parts(task)["pool"][1]
    classes = range(y.max() + 1)
    rows = [rng.permutation(np.flatnonzero(y == k))[:per_class] for k in classes]
    return np.concatenate(rows)


def flat(z):
    """(n, d): one row per image."""
    return backend.asnumpy(z).reshape(len(z), -1)


def grid(z):
    """(n, channels · 16): means over the cells of a 4 × 4 grid of positions."""
    z = backend.asnumpy(z)
    n, c, h, w = z.shape
    return z.reshape(n, c, 4, h // 4, 4, w // 4).mean(axis=(3, 5)).reshape(n, -1)


def pooled(z):
    """(n, channels): the mean over positions."""
    return backend.asnumpy(z).mean(axis=(2, 3))


def views(model, layer, shape=flat, task=NEW):
    """{part: features (n, d)} of a layer of a model, float64; layer None: the pixels."""
    found = {}
    for name, (x, _) in parts(task).items():
        z = shape(x if layer is None else transfer.features(model, x, layer))
        found[name] = backend.asnumpy(z).astype(float)
    return found


def swept(view, per_class, seed, loss="squared", task=NEW):
    """(accuracies on valid, accuracies on test), one per penalty of RELATIVE.

    W lies in the span of the labelled rows, so all are first written in a basis of it:
    the same probes, in as many dimensions as there are labels.
    """
    labels = {k: y for k, (_, y) in parts(task).items()}
    rows = draw(per_class, seed, task)
    basis = np.linalg.qr(view["pool"][rows].T)[0]
    low = {name: Z @ basis for name, Z in view.items() if name != "pool"}
    Z, y, found = view["pool"][rows] @ basis, labels["pool"][rows], []
    for relative in RELATIVE:
        probe = transfer.linear_probe(Z, y, relative * transfer.spread(Z), loss)
        found.append([probe.accuracy(low[k], labels[k]) for k in ("valid", "test")])
    return np.transpose(found)


def chosen(view, per_class, seed, loss="squared", part="test", task=NEW):
    """Accuracy at the penalty that is best on valid; of equal ones the smallest."""
    valid, test = swept(view, per_class, seed, loss, task)
    return {"valid": valid, "test": test}[part][np.argmax(valid)]


def over_draws(view, per_class, loss="squared", part="test", task=NEW):
    """`chosen` for each draw of labels: an array (10,)."""
    how = loss, part, task
    return np.array([chosen(view, per_class, seed, *how) for seed in DRAWS])


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


def labelled(per_class, seed, task=NEW):
    """(x, y) of the rows that `draw` gives."""
    rows = draw(per_class, seed, task)
    x, y = parts(task)["pool"]
    return x[rows], y[rows]


def score(model, part="test", task=NEW):
    """Accuracy of a model on a part."""
    return evaluate(model, [parts(task)[part]], accuracy=accuracy)["accuracy"]


def head_probe(model, x, y, task=NEW):
    """A probe on what `fc` reads, its penalty the best on valid; ties: the smallest."""
    valid, labels = parts(task)["valid"]
    Z, V = (pooled(transfer.features(model, a, "layer3")) for a in (x, valid))
    scale = transfer.spread(Z)
    probes = [transfer.linear_probe(Z, y, r * scale, "logistic") for r in RELATIVE]
    return max(probes, key=lambda probe: probe.accuracy(V, labels))


def fine_tuned(start, per_class, lr, seed, steps=60, task=NEW):
    """The whole model trained, from a "random" head or from a "probe" (LP-FT)."""
    return tuned(start, *labelled(per_class, seed, task), lr, seed, steps, task)


def tuned(start, x, y, lr, seed, steps=60, task=NEW):
    """The same, on images x (n, 1, 8, 8) with labels y (n,): all of them every step."""
    model = load_pretrained(SOURCES[task])[0]
    classes = int(parts(task)["pool"][1].max()) + 1
    head = classes if start == "random" else head_probe(model, x, y, task)
    transfer.head_only(model, "fc", head, rng=seed)
    model.requires_grad_(True)
    train(model, lambda _: repeat((x, y)), lr, steps, seed, cross_entropy)
    return model


# --- the study -----------------------------------------------------------------------


def plan():
    """Full fine-tuning from two heads, on both tasks.

    New digits: a grid of rates, two seeds. Odd or even: all rates for every draw.
    """
    tasks = (
        ({"labels": 5}, NEW, CHOOSING),
        ({"labels": 20, "task": PARITY}, PARITY, DRAWS),
    )
    return [
        {"start": start, "lr": lr, "seed": seed} | settings
        for settings, task, seeds in tasks
        for start in ("random", "probe")
        for lr in RATES[task]
        for seed in seeds
    ]


def run(start, labels, lr, seed, task=NEW):
    """{"valid": share of errors, "test": accuracy} of one run."""
    model = fine_tuned(start, labels, lr, seed, task=task)
    valid, test = (score(model, part, task) for part in ("valid", "test"))
    return {"valid": 1 - valid, "test": test}


def at_rate_of_draw(study, start):
    """Test accuracies on "odd or even": each draw at its own best rate on valid (10,)."""
    return np.array([run["scores"]["test"] for run in _best_runs(study, start)])


def rates_of_draws(study, start):
    """The rate that each draw of "odd or even" chose on valid (10,)."""
    return np.array([run["settings"]["lr"] for run in _best_runs(study, start)])


def _best_runs(study, start):
    """One run for each draw; of equally good rates the smallest."""

    def errors(run):
        return run["scores"]["valid"], run["settings"]["lr"]

    arm = study.where(start=start, task=PARITY)
    return [min(arm.where(seed=seed), key=errors) for seed in DRAWS]


def paired(a, b):
    """The mean of a − b ± half its interval, in points of accuracy.

    "not settled" follows where 0 lies in the interval.
    """
    return said_gap(np.asarray(a) - np.asarray(b), 1, 100, ", not settled")


def percent(values):
    """Mean and half interval of accuracies, in per cent."""
    return said(100 * np.asarray(values), 1)
