"""Chapter 13: a sensor whose class frequencies change, and the runs of `tinyft study 13`.

The source model is `resnet_digits` after a short adaptation to a noisy sensor. One third
of the test images calibrates it and chooses every rate; the rest is for evaluation only.
A seed decides a target: the order of its class frequencies, its 60 labelled images, and
the noise. Scores are weighted, so that images of each class count as often as they occur.
"""

from functools import cache

import numpy as np

from tinyft import data, nn, no_grad, ops, optim, peft, tensor
from tinyft.course.experiment import (
    interval,
    loss_on,
    said,
    text_parts,
    train,
    windows,
)
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained

METHODS = {  # what trains, and its grid of rates
    "last bias": (
        lambda m: peft.attach(m, peft.BitFit(), ["fc"]),
        (0.05, 0.1, 0.2, 0.4),
    ),
    "BitFit": (
        lambda m: peft.attach(m, peft.BitFit()),
        (0.005, 0.01, 0.02, 0.04, 0.08),
    ),
    "BatchNorm-only": (
        lambda m: peft.attach(m, peft.NormTuning("batch")),
        (0.001, 0.002, 0.004, 0.008, 0.016),
    ),
    "full fine-tuning": (lambda m: m, (2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4)),
}
TEXT = {
    "LayerNorm-only": (peft.NormTuning("layer"), (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)),
    "BitFit": (peft.BitFit(), (0.005, 0.01, 0.02, 0.04, 0.08)),
    "full fine-tuning": (None, (5e-4, 1e-3, 2e-3, 4e-3)),
}
STEPS, LABELS, TEXT_STEPS = 20, 60, 36


@cache
def digits(split):
    return data.load_digits(split)


def third():
    """Which test images are for calibration."""
    return np.arange(len(digits("test")[1])) % 3 == 0


def noisy(x, rng):
    """Images as the sensor sees them: noise of standard deviation 0.6."""
    return data.shift(x, "noise", rng, noise=0.6)


@cache
def _source():
    """The state of the source model."""
    (x, y), rng = digits("train"), np.random.default_rng(6)
    model, _, _ = load_pretrained("resnet_digits")
    step = optim.Adam(list(model.parameters()), lr=2e-3)
    model.train()
    for _ in range(50):
        rows = rng.integers(0, len(x), 64)
        ops.cross_entropy(model(tensor(noisy(x[rows], rng))), y[rows]).backward()
        step.step()
        step.zero_grad()
    return model.eval().state_dict()


def source_model():
    """A fresh copy; its BatchNorm keeps the running statistics."""
    model, _, _ = load_pretrained("resnet_digits")
    model.load_state_dict(_source())
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.statistics = "frozen"
    return model.eval()


def logits(model, x):
    """Logits (n, 10) in float64."""
    with no_grad():
        return model(tensor(x)).numpy().astype(float)


@cache
def calibration():
    """(logits, labels) of the calibration third under four draws of noise."""
    (x, y), keep = digits("test"), third()
    x = noisy(np.tile(x[keep], (4, 1, 1, 1)), np.random.default_rng(66))
    return logits(source_model(), x), np.tile(y[keep], 4)


def source_prior():
    return np.bincount(digits("train")[1]) / len(digits("train")[1])


@cache
def target(seed):
    """{"prior", "train": (x, y), "valid", "test": (x, y, weights), "more": images}.

    "more": 600 other images of the target, whose labels nobody looks at.
    """
    rng = np.random.default_rng([13, seed])
    prior = rng.permutation(0.55 ** np.arange(10))
    prior /= prior.sum()
    found = {"prior": prior, "train": _drawn(prior, LABELS, rng)}
    for part, keep in (("valid", third()), ("test", ~third())):
        found[part] = _weighted(keep, prior, rng)
    return found | {"more": _drawn(prior, 600, rng)[0]}


def _drawn(prior, n, rng):
    X, Y = digits("train")
    y = rng.choice(10, n, p=prior)
    return noisy(X[[rng.choice(np.flatnonzero(Y == k)) for k in y]], rng), y


def _weighted(keep, prior, rng):
    X, Y = digits("test")
    x, y = noisy(np.tile(X[keep], (3, 1, 1, 1)), rng), np.tile(Y[keep], 3)
    return x, y, prior[y] / np.bincount(y)[y]


def scores(z, y, weights):
    """(accuracy, mean loss in nats) of logits, by weighted images."""
    u = z - z.max(1, keepdims=True)
    log_p = u - np.log(np.exp(u).sum(1, keepdims=True))
    w = weights / weights.sum()
    return float(w @ (z.argmax(1) == y)), float(-(w @ log_p[np.arange(len(y)), y]))


def tune(model, parameters, x, y, lr, steps=STEPS):
    """Adam on all labelled images at once."""
    step = optim.Adam(list(parameters), lr=lr)
    model.train()
    for _ in range(steps):
        ops.cross_entropy(model(tensor(x)), y).backward()
        step.step()
        step.zero_grad()
    return model.eval()


def tuned(method, lr, seed):
    """The model that a method makes of the source model for one target."""
    model = source_model()
    trained = METHODS[method][0](model).parameters()
    return tune(model, trained, *target(seed)["train"], lr)


def plan():
    """Every method at every rate, the choosing seeds: on images, then on text."""
    return [
        {"experiment": name, "method": method, "lr": lr, "seed": seed}
        for name, methods in (("images", METHODS), ("text", TEXT))
        for method, (_, rates) in methods.items()
        for lr in rates
        for seed in CHOOSING
    ]


def run(experiment, method, lr, seed):
    """One run: {"valid", "test": loss}, on images "accuracy" on the test images too."""
    if experiment == "text":
        return text_run(method, lr, seed)
    model, parts = tuned(method, lr, seed), target(seed)
    found = {
        k: scores(logits(model, parts[k][0]), *parts[k][1:]) for k in ("valid", "test")
    }
    return {
        "valid": found["valid"][1],
        "test": found["test"][1],
        "accuracy": found["test"][0],
    }


@cache
def pydoc():
    return text_parts("pydoc", load_pretrained("gpt_text")[1])


def text_run(method, lr, seed):
    """36 steps of 2 windows of 48 tokens of Python's help text."""
    model, delta = load_pretrained("gpt_text")[0], TEXT[method][0]
    if delta is not None:
        peft.attach(model, delta, rng=seed)
    train(model, windows(pydoc()["train"], 2, 48), lr, TEXT_STEPS, seed)
    return {k: loss_on(model, pydoc()[k]) for k in ("valid", "test")}


def chosen(study, experiment, method):
    """The runs of a method at its best rate on validation data, all five seeds."""
    return study.where(experiment=experiment, method=method).at_best_rate()


def gap(values, base):
    """(mean, half width) of paired differences, 95 %, Student's t."""
    return interval(np.subtract(values, base))


def gap_said(values, base, digits=3):
    """The paired difference as text; "(not settled)" where the interval has zero."""
    differences = np.subtract(values, base)
    mean, half = interval(differences)
    word = "" if abs(mean) > half else " (not settled)"
    return said(differences, digits, True) + word
