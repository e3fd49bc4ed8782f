"""Chapter 26: which directions are worth holding? One step of the race, live."""

import copy
from functools import cache

import numpy as np

from tinyft import tensor
from tinyft.course.experiment import SEEDS, said
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_guards as guards
from tinyft.nn.watch import watching

HELD = (
    (grids.BARE, 0.0),
    (grids.OSF, 0.1),
    (grids.OSF, 0.25),
    (grids.RANDOM, 0.9),
    (grids.GPM, 0.9),
)


def rows(seeds=SEEDS, lr=3e-3, steps=300):
    """A row per entry of HELD: after task 2, of five networks that had learned task 1.

    The input directions held in the first layer; the share of the old test pictures'
    squared length in them, and the same of the last layer's inputs; how much the old
    logits changed, of their length; the accuracies on both tasks.
    """
    found = {one: [] for one in HELD}
    for seed in seeds:
        for one in HELD:
            found[one].append(_second_task(*one, seed, lr, steps))
    return [_row(*one, np.transpose(values)) for one, values in found.items()]


def _row(method, strength, values):
    held, first, last, moved, old, new = values
    name = f"{method} {strength:g}" if strength else method
    count = f"{min(held):.0f} to {max(held):.0f}" if np.ptp(held) else f"{held[0]:.0f}"
    texts = [f"{first.mean():.0%}", f"{last.mean():.0%}"]
    return [name, count, *texts, *(said(v, 2) for v in (moved, old, new))]


def _second_task(method, strength, seed, lr, steps):
    every = lesson.tasks()
    x = every[0]["test"][0]
    guard, rng = guards.make(method, strength), np.random.default_rng(seed)
    model = copy.deepcopy(_first_task(seed, lr, steps))
    guard.begin(model, 0, "domains", rng)
    guard.end(model, *every[0]["train"], rng)
    z, inputs = model(tensor(x)).numpy(), _inputs(model, x)
    extra, after = guard.begin(model, 1, "domains", rng)
    bases = [after.__self__.spaces[f"{n}.weight"][1] if after else None for n in inputs]
    shares = [_share(h, V) for h, V in zip(inputs.values(), bases)]
    batches = np.random.default_rng(seed + 100)  # the same for every method
    lesson.learn(model, *every[1]["train"], steps, lr, batches, extra, after)
    moved = np.linalg.norm(model(tensor(x)).numpy() - z) / np.linalg.norm(z)
    ends = [lesson.accuracy(model, every[i]["test"]) for i in (0, 1)]
    held = 0 if bases[0] is None else bases[0].shape[1]
    return [held, shares[0], shares[-1], moved, *ends]


def _share(h, V):
    """The share of the squared length of rows h (n, in) in span V."""
    return 0.0 if V is None else ((h @ tensor(V).numpy()) ** 2).sum() / (h**2).sum()


def _inputs(model, x):
    """{name: inputs (n, in)} of the first and the last linear layer."""
    layers = {n: model.get_submodule(n) for n in ("0", "4")}
    with watching(layers, lambda h, y: h.data) as seen:
        model(tensor(x))
        return {n: tensor(seen[n][-1]).numpy() for n in layers}


@cache
def _first_task(seed, lr, steps):
    """A network with frozen biases that has learned task 1."""
    model, rng = lesson.network(seed), np.random.default_rng(seed)
    guards.make(grids.BARE, 0.0).begin(model, 0, "domains", rng)
    lesson.learn(model, *lesson.tasks()[0]["train"], steps, lr, rng)
    return model
