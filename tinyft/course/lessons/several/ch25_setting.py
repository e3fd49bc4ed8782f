"""Chapter 25: digits, the tasks asked of them, and one way to train on several.

    pool     1,138 images to train on        valid   300 more: rates are chosen there
    test     the file's 359 test images: give results, choose nothing

A task is (x (N, 64), y): whole numbers y are classes (cross-entropy), numbers (N, 1) with
a fraction are a regression (mean squared error). Every step takes BATCH examples of each
task, drawn apart.
"""

from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from tinyft import data, models, nn, no_grad, ops, tensor, transfer
from tinyft.course.experiment import train
from tinyft.training.metrics import on_device

BATCH, STEPS = 20, 400


@cache
def parts():
    """{"pool", "valid", "test": (images (N, 1, 8, 8), digits (N,))}."""
    x, y = data.load_digits("train")
    order = np.random.default_rng(25).permutation(len(y))
    pool, valid = order[300:], order[:300]
    test = data.load_digits("test")
    return {"pool": (x[pool], y[pool]), "valid": (x[valid], y[valid]), "test": test}


# --- the same question in altered worlds -----------------------------------------------

NAMES = (np.arange(10) + 3) % 10  # digit k is called NAMES[k]
WORLDS = {  # world: images, digits -> images, labels
    "plain": lambda x, y: (x, y),
    "shifted": lambda x, y: (data.shift(x, "translate"), y),
    "upside down": lambda x, y: (data.shift(x, "rotate", angle=180.0), y),
    "renamed": lambda x, y: (x, NAMES[y]),
}


def world(name, part):
    """(x (N, 64), y (N,)): a part of the data as one world has it."""
    x, y = WORLDS[name](*parts()[part])
    return flat(x), y


# --- several questions about one image -------------------------------------------------


def side(x):
    """1 where the left half of an image (N, 1, 8, 8) has more ink than the right: (N,)."""
    return (x[..., :4].sum((1, 2, 3)) > x[..., 4:].sum((1, 2, 3))).astype(int)


QUESTIONS = {  # task: images, digits -> targets
    "digit": lambda x, y: y,
    "even": lambda x, y: 1 - y % 2,
    "loop": lambda x, y: np.isin(y, (0, 6, 8, 9)).astype(int),
    "side": lambda x, y: side(x),
    "noise": lambda x, y: np.random.default_rng(len(y)).integers(0, 2, len(y)),
    "ink": lambda x, y: x.mean(axis=(1, 2, 3))[:, None],
}
OUTPUTS = {"digit": 10, "even": 2, "loop": 2, "side": 2, "noise": 2, "ink": 1}


def question(name, part, rows=slice(None)):
    """(x (N, 64), y): a part of the data, or some of its rows, with one question."""
    x, y = parts()[part]
    return flat(x[rows]), QUESTIONS[name](x, y)[rows]


def flat(x):
    """Images as rows (N, 64) of float32."""
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


# --- networks ---------------------------------------------------------------------------


def one_head(seed, outputs=10):
    """64 pixels, 32 hidden units, 10 classes: the same answer whatever the task."""
    return models.mlp(64, 32, outputs, rng=seed)


def heads(tasks, seed, widths=(64, 32)):
    """A shared trunk of these widths and a linear head for each of {task: outputs}."""
    rng = np.random.default_rng(seed)
    trunk = nn.Sequential(models.mlp(*widths, rng=rng), nn.ReLU())
    tops = {task: nn.Linear(widths[-1], n, rng=rng) for task, n in tasks.items()}
    return transfer.SharedTrunk(trunk, tops)


def answer(model, task, x):
    """The output for a task; a network with one head ignores the task."""
    several = isinstance(model, transfer.SharedTrunk)
    return model(x, task) if several else model(x)


# --- training ---------------------------------------------------------------------------


def losses(model, tasks, arrays):
    """{task: its mean loss}; arrays: x and y of each task in turn, as `batches` gives."""
    found = {}
    for task, x, y in zip(tasks, arrays[::2], arrays[1::2]):
        out = answer(model, task, x)
        whole = y.dtype.kind in "iu"
        found[task] = ops.cross_entropy(out, y) if whole else ops.mse_loss(out, y)
    return found


def batches(tasks, size=BATCH):
    """rng -> endless batches (x, y, x, y, ...): `size` examples of each task, drawn apart;
    all of a task's examples where there are fewer."""

    def one(rng, x, y):
        few = len(y) <= size
        rows = np.arange(len(y)) if few else rng.integers(0, len(y), size)
        return x[rows], y[rows]

    def draw(rng):
        while True:
            yield tuple(chain(*(one(rng, x, y) for x, y in tasks.values())))

    return draw


class Projected(NamedTuple):
    """Losses that go backward through PCGrad: what `train` needs of a loss."""

    project: transfer.PCGrad
    parts: dict

    def backward(self):
        self.project.backward(self.parts)

    def item(self):
        return sum(loss.item() for loss in self.parts.values())


def fit(model, tasks, way, lr, seed, scales=None, steps=STEPS, weights=None):
    """AdamW on several tasks; returns the UncertaintyWeights if the way has them.

    way     "sum"; "PCGrad"; "uncertainty", from σ² = 1; "started", σ² from first losses
    scales  {task: factor}: what somebody's code multiplies a task's loss by
    weights {task: a_t} of the sum, chosen by us
    """
    own, scales = _uncertainty(way, tasks), scales or {}
    params = [*model.parameters(), *(own.parameters() if own else ())]
    project = transfer.PCGrad(params, seed)

    def scaled(model, *arrays):
        found = losses(model, tasks, arrays)
        return {task: scales.get(task, 1.0) * value for task, value in found.items()}

    def loss(model, *arrays):
        found = scaled(model, *arrays)
        if way == "PCGrad":
            return Projected(project, found)
        if len(found) == 1:
            return next(iter(found.values()))
        return own(found) if own else transfer.weighted_sum(found, weights)

    if way == "started":  # from the losses of the batch that training begins with
        first = next(batches(tasks)(np.random.default_rng(seed)))
        own.start_at(scaled(model, *on_device(model, first)))
    train(model, batches(tasks), lr, steps, seed, loss, params)
    return own


def _uncertainty(way, tasks):
    if way not in ("uncertainty", "started"):
        return None
    whole = {task: y.dtype.kind in "iu" for task, (_, y) in tasks.items()}
    kinds = {True: "classification", False: "regression"}
    return transfer.UncertaintyWeights({task: kinds[w] for task, w in whole.items()})


# --- measuring --------------------------------------------------------------------------


def outputs(model, task, x):
    """The model's outputs for a task, a host array."""
    with no_grad():
        return answer(model, task, tensor(x)).numpy()


def errors(model, task, x, y):
    """1 where the likeliest class is wrong, (N,)."""
    return (outputs(model, task, x).argmax(axis=1) != y).astype(int)


def unexplained(model, task, x, y):
    """The share of a target's variance that is left: mean squared error / variance."""
    return float(np.mean((outputs(model, task, x) - y) ** 2) / np.var(y))
