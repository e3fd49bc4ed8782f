"""Chapter 12: sources and a target on digits, and the runs of `tinyft study 12`."""

from functools import cache

import numpy as np

from tinyft import models, no_grad, ops, tensor
from tinyft.course.experiment import SEEDS, train
from tinyft.data import load_digits, shift
from tinyft.data.digits import rotate

# The target: tell the digits 5 to 9 apart. Nobody but `test` decides.
TARGET, STEPS, LENGTH = range(5, 10), 100, 300
TEN = (*SEEDS, 5, 6, 7, 8, 9)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SCRATCH = "scratch"
NOISY, ROTATED, SHIFTED = "5–9, noisy", "5–9, rotated", "5–9, shifted"
NAMES, MIXED = "5–9, wrong names", "5–9, 40 % mislabelled"
OTHER, INVERTED, RANDOM = "0–4", "0–4, inverted", "0–4, random labels"
SOURCES = (NOISY, ROTATED, MIXED, NAMES, SHIFTED, RANDOM, OTHER, INVERTED)
NEW = ", new layer"  # behind a name: without the source's own output layer
LENGTHS, LABELS = (10, 30, 100, 300, 1000, 3000), (2, 5, 20)


@cache
def parts():
    """{part: (x (N, 64), y (N,))}: the target's pool, valid, test; two sources' images.

    pool: labels are drawn from it; valid: rates are chosen on it; test: nobody chooses on
    it. "5-9": other images of the target's digits; "0-4": of the other digits.
    """
    x, y = load_digits("all")
    order = np.random.default_rng(12).permutation(np.flatnonzero(y >= 5))
    cuts = np.split(order, [300, 400, 600])
    found = dict(zip(("test", "valid", "pool", "5-9"), cuts))
    found["0-4"] = np.flatnonzero(y < 5)
    return {part: (x[i], y[i]) for part, i in found.items()}


def labelled(count, seed):
    """`count` labelled images of each of the target's digits: (x (5 count, 64), y)."""
    x, y = parts()["pool"]
    order = np.random.default_rng(seed).permutation(len(y))
    rows = np.concatenate([order[y[order] == c][:count] for c in TARGET])
    return flat(x[rows]), y[rows]


def source_task(name, seed):
    """(x (N, 64), y (N,)): the images and labels that a source is trained on."""
    rng, name = np.random.default_rng(1000 + seed), name.removesuffix(NEW)
    x, y = parts()["5-9" if name.startswith("5") else "0-4"]
    wrong = 5 + (y + rng.integers(1, 5, len(y))) % 5  # never the right one
    x = {
        NOISY: lambda: shift(x, "noise", rng),
        ROTATED: lambda: rotate(x, 20.0),
        SHIFTED: lambda: shift(x, "translate"),
        INVERTED: lambda: 1 - x,
    }.get(name, lambda: x)()
    y = {
        NAMES: lambda: 5 + (y + 1) % 5,
        MIXED: lambda: np.where(rng.random(len(y)) < 0.4, wrong, y),
        RANDOM: lambda: rng.integers(0, 5, len(y)),
    }.get(name, lambda: y)()
    return flat(x), y


def network(seed):
    """64 pixels, 64 and 32 hidden units, ten classes."""
    return models.mlp(64, 64, 32, 10, rng=seed)


@cache
def _pretrained(name, seed, length):
    model = network(seed)
    if name != SCRATCH:
        x, y = source_task(name, seed)
        train(model, batches(x, y), 3e-3, length, seed, loss)
    return model.state_dict()


def source(name, seed, length=LENGTH, head=None):
    """A network after `length` steps on a source; from scratch it is untrained.

    head: keep the source's output layer; by default where its classes are the target's.
    """
    model = network(seed)
    keep = name.startswith("5") and not name.endswith(NEW) if head is None else head
    stored = _pretrained(name.removesuffix(NEW), seed, length)
    fresh = network(7000 + seed).state_dict()  # another draw: the new head
    for key, value in model.state_dict().items():
        new = key.startswith("4.") and not keep and name != SCRATCH
        value.data[...] = (fresh if new else stored)[key].data
    return model


def fine_tuned(name, seed, lr, labels=2, length=LENGTH, steps=STEPS):
    """The source after `steps` steps on the labelled images of a seed."""
    model = source(name, seed, length)
    train(model, batches(*labelled(labels, seed)), lr, steps, seed, loss)
    return model


def fitted(length, seed=0):
    """(right, wrong, error): what a source trained on MIXED says, before fine-tuning.

    right, wrong: the shares of its right and of its wrong labels that it repeats.
    error: its error rate on the validation images, which it was not trained on.
    """
    x, y = source_task(MIXED, seed)
    truth, model = parts()["5-9"][1], source(MIXED, seed, length)
    with no_grad():
        said = model(tensor(x)).numpy().argmax(axis=1)
    repeated = [float((said == y)[kind].mean()) for kind in (y == truth, y != truth)]
    return (*repeated, float(errors(model, "valid").mean()))


def batches(x, y, size=32):
    """rng -> endless batches of `size` examples; all of them where there are fewer."""

    def draw(rng):
        while True:
            few = len(x) <= size
            rows = np.arange(len(x)) if few else rng.integers(0, len(x), size)
            yield x[rows], y[rows]

    return draw


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def predicted(model, part="test"):
    """The likeliest of the digits 5 to 9 for each image of a part, (N,)."""
    with no_grad():
        scores = model(tensor(flat(parts()[part][0]))).numpy()
    return 5 + scores[:, 5:].argmax(axis=1)


def errors(model, part="test"):
    """1 where the model is wrong, (N,)."""
    return (predicted(model, part) != parts()[part][1]).astype(int)


def flat(x):
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


# --- tinyft study 12 -------------------------------------------------------------------


def plan():
    """Rates for each source, some with a new layer, other labels, other lengths."""
    fresh = [name + NEW for name in SOURCES if name.startswith("5")]
    arms = [(name, 2, LENGTH) for name in (SCRATCH, *SOURCES, *fresh)]
    counts = (1, *LABELS[1:])
    arms += [(name, k, LENGTH) for name in (SCRATCH, NOISY, OTHER) for k in counts]
    arms += [(MIXED, 2, length) for length in LENGTHS if length != LENGTH]
    arms += [(OTHER, 2, length) for length in LENGTHS if length < LENGTH]
    names = "source", "labels", "length"
    return [
        dict(zip(names, arm)) | {"lr": lr, "seed": seed}
        for seed in TEN
        for arm in arms
        for lr in RATES
    ]


def run(source, labels, length, lr, seed):
    """One fine-tuned source: its validation loss, and its two error rates.

    labels=1 chooses without validation images: see `crossed`.
    """
    if labels == 1:
        return crossed(source, length, lr, seed)
    model = fine_tuned(source, seed, lr, labels, length)
    x, y = parts()["valid"]
    with no_grad():
        valid = loss(model, tensor(flat(x)), tensor(y)).item()
    wrong = {"valid error": errors(model, "valid").mean(), "test": errors(model).mean()}
    return {k: round(float(v), 4) for k, v in ({"valid": valid} | wrong).items()}


def crossed(name, length, lr, seed):
    """Two-fold cross-validation on the ten labelled images of a seed.

    One image of each digit trains, the other one judges, and the other way round: the
    mean loss and error of both, on five images each. "test" is theirs, too.
    """
    x, y = labelled(2, seed)
    rows, scores = np.arange(len(y)), []
    for fold in (0, 1):
        model, keep = source(name, seed, length), rows % 2 == fold
        train(model, batches(x[keep], y[keep]), lr, STEPS, seed, loss)
        with no_grad():
            valid = loss(model, tensor(x[~keep]), tensor(y[~keep])).item()
            said = 5 + model(tensor(x[~keep])).numpy()[:, 5:].argmax(axis=1)
        scores.append((valid, (said != y[~keep]).mean(), errors(model).mean()))
    means = np.mean(scores, axis=0).round(4).tolist()
    return dict(zip(("valid", "valid error", "test"), means))


def chosen(found):
    """(best rate, test errors of its ten seeds): the least mean validation error.

    The smallest rate leaves the source nearly as it is, so it may be the best. Raises
    ValueError when the largest is: the grid is too narrow then.
    """
    mean = {lr: np.mean(v) for lr, v in found.by("lr", "valid error").items()}
    rate = min(mean, key=mean.get)
    if rate == max(mean):
        raise ValueError(f"chosen: {rate} is the largest rate tried; try larger ones")
    return rate, np.array(found.where(lr=rate).values("test"))
