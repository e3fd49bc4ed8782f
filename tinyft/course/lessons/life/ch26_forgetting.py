"""Chapter 26: five tasks in sequence on digits, and the runs of `tinyft study 26`."""

from functools import cache

import numpy as np

from tinyft import models, no_grad, ops, optim, tensor
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_guards as guards
from tinyft.course.lessons.life import ch26_words as words
from tinyft.data import load_digits, shift
from tinyft.training.metrics import on_device
from tinyft.transfer import continual

DOMAINS = ("plain", "inverted", "rotated", "shifted", "noisy")
PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
STEPS, BATCH = {"domains": 300, "digits": 150}, 32
plan, finals = grids.settings, grids.more  # for `tinyft study 26`


@cache
def splits():
    """{"train", "valid", "test": (x (N, 1, 8, 8), y (N,))}: 1078, 360 and 359 images."""
    x, y = load_digits("train")
    order = np.random.default_rng(26).permutation(len(y))
    parts = {"train": order[360:], "valid": order[:360]}
    return {k: (x[i], y[i]) for k, i in parts.items()} | {"test": load_digits("test")}


@cache
def tasks(kind="domains"):
    """A list of five tasks, each {part: (x (n, 64), y (n,))}.

    "domains": all ten digits, the pictures of each task changed in another way.
    "digits": two new digits per task, pictures as they are.
    """
    if kind == "digits":
        return [
            {part: _of(pair, *xy) for part, xy in splits().items()} for pair in PAIRS
        ]
    return [
        {part: (flat(changed(x, name, part)), y) for part, (x, y) in splits().items()}
        for name in DOMAINS
    ]


def changed(x, name, part):
    """The pictures x (n, 1, 8, 8) of one of DOMAINS."""
    rng = np.random.default_rng(("train", "valid", "test").index(part))
    return {
        "plain": lambda: x,
        "inverted": lambda: shift(x, "invert"),
        "rotated": lambda: shift(x, "rotate"),
        "shifted": lambda: shift(x, "translate", offset=(2, 0)),
        "noisy": lambda: shift(x, "noise", rng),
    }[name]()


def _of(pair, x, y):
    keep = np.isin(y, pair)
    return flat(x[keep]), y[keep]


def flat(x):
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def network(seed):
    """64 pixels, twice 64 hidden units, ten classes."""
    return models.mlp(64, 64, 64, 10, rng=seed)


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def learn(model, x, y, steps, lr, rng, extra=None, after=None):
    """Adam on random batches; extra(logits, x) joins the loss, after() follows a step."""
    step = optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    for _ in range(steps):
        rows = rng.integers(0, len(y), BATCH)
        inputs, labels = on_device(model, (x[rows], y[rows]))
        logits = model(inputs)
        value = ops.cross_entropy(logits, labels)
        (value + extra(logits, inputs) if extra else value).backward()
        step.step()
        step.zero_grad()
        if after:
            after()


def accuracy(model, xy):
    x, y = xy
    with no_grad():
        return float((model(tensor(x)).numpy().argmax(axis=1) == y).mean())


# --- tinyft study 26 -------------------------------------------------------------------


def run(kind, method, strength, lr, seed):
    """The scores of one sequence: "valid" is an error, the others are on test images."""
    if kind == words.KIND:
        return words.run(method, lr, seed)
    if method == grids.ALL:
        return at_once(kind, lr, seed)
    tables = in_sequence(kind, method, strength, lr, seed)
    R = tables["test"]
    scores = {
        "valid": 1 - continual.final_accuracy(tables["valid"]),
        "final": continual.final_accuracy(R),
        "forgetting": continual.forgetting(R).mean(),
        "just after": continual.just_after(R),
    }
    return {name: round(float(v), 4) for name, v in scores.items()}


def in_sequence(kind, method, strength, lr, seed, steps=None):
    """{"valid", "test": R (5, 5)} of one method, NaN above the diagonal."""
    return guarded(kind, guards.make(method, strength), lr, seed, steps)


def guarded(kind, guard, lr, seed, steps=None):
    """The same of a guard, which the caller keeps."""
    model, rng, steps = network(seed), np.random.default_rng(seed), steps or STEPS[kind]
    tables = {part: np.full((5, 5), np.nan) for part in ("valid", "test")}
    every = tasks(kind)
    for i, task in enumerate(every):
        extra, after = guard.begin(model, i, kind, rng)
        learn(model, *task["train"], steps, lr, rng, extra, after)
        guard.end(model, *task["train"], rng)
        for part, R in tables.items():
            R[i, : i + 1] = [accuracy(model, one[part]) for one in every[: i + 1]]
    return tables


def at_once(kind, lr, seed):
    """The scores of as many steps on all tasks mixed: nothing can be forgotten."""
    model, every = network(seed), tasks(kind)
    x, y = map(np.concatenate, zip(*(task["train"] for task in every)))
    learn(model, x, y, 5 * STEPS[kind], lr, np.random.default_rng(seed))
    valid, final = (
        float(np.mean([accuracy(model, task[part]) for task in every]))
        for part in ("valid", "test")
    )
    scores = {"valid": 1 - valid, "final": final, "forgetting": 0, "just after": final}
    return {name: round(float(v), 4) for name, v in scores.items()}
