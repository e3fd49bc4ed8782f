"""Chapter 30: ranks in one process, and mistakes with the sum."""

import numpy as np

from tinyft import optim, tensor
from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.scaling.ch30_scaling_out import (
    RATE,
    fresh,
    shares,
    slopes,
    values,
)
from tinyft.optim.clip import clip_grad_norm
from tinyft.training.across import world
from tinyft.training.checks import whole

JOINS = {
    "sum / count": lambda g, n: n @ g / n.sum(),
    "mean of means": lambda g, n: g.mean(axis=0),
    "sum of means": lambda g, n: g.sum(axis=0),
    "rank 0's for all": lambda g, n: g[0],
}


def put(model, flat):
    """Write a flat gradient (N,) into the parameters that train."""
    at = 0
    for p in trained_parameters(model):
        p.grad = tensor(flat[at : at + p.size].reshape(p.shape), dtype=p.dtype)
        at += p.size


def trained(model, steps, make, join="sum / count", size=4, clip=None):
    """Train on `size` simulated ranks; two losses of each step, (2, steps).

    The mean over all targets, and the mean of the ranks' means, which is what a program
    logs that averages over ranks.
    steps: batches.  make(params) -> an optimizer.  join: a name of JOINS.
    """
    step, losses = make(trained_parameters(model)), []
    for batch in steps:
        g, n, loss = map(
            np.array, zip(*(slopes(model, part) for part in shares(batch, size)))
        )
        put(model, JOINS[join](g, n))
        if clip:
            clip_grad_norm(trained_parameters(model), clip)
        step.step()
        step.zero_grad()
        losses.append((n @ loss / n.sum(), loss.mean()))
    return np.transpose(losses)


def by_rank(model, batches, size=4):
    """The mean loss on each rank's rows of some batches (size,)."""
    losses = [[slopes(model, p)[2] for p in shares(one, size)] for one in batches]
    return np.mean(losses, axis=0)


def joined(model, batch, join, size=4):
    """The gradient that simulated ranks end with; join: a name of JOINS."""
    g, n, _ = map(np.array, zip(*(slopes(model, p) for p in shares(batch, size))))
    return JOINS[join](g, n)


def optimizer(name, lr):
    """params -> the optimizer of a name."""
    if name == "SGD":
        return lambda params: optim.SGD(params, lr)
    return lambda params: optim.Adam(params, lr)


def separate(steps, size=4, lr=RATE, summed=lambda k: False, join=None):
    """Ranks that train on their own: each has its model, and its rows of every batch.

    join: a name of JOINS, the gradient that every rank then gets, or None.
    summed(k): whether micro-batch k of a step (each batch is two) is summed over ranks.
    Returns (the models, the mean over ranks of the distance to rank 0, rank 0's mean loss
    in every step, rank 0's gradient in the first).
    """
    team = [fresh() for _ in range(size)]
    makers = [optim.AdamW(trained_parameters(model), lr) for model in team]
    losses, first = [], None
    for batch in steps:
        total, count = np.zeros((size, len(values(team[0])))), np.zeros(size)
        own = []
        for k, micro in enumerate(shares(batch, 2)):
            found = [slopes(m, part) for m, part in zip(team, shares(micro, size))]
            g, n, loss = map(np.array, zip(*found))
            sums = g * n[:, None]
            if summed(k):
                sums, n = np.tile(sums.sum(0), (size, 1)), np.full(size, n.sum())
            total, count = total + sums, count + n
            own.append(loss[0])
        losses.append(np.mean(own))
        means = total / count[:, None]
        means = np.tile(JOINS[join](means, count), (size, 1)) if join else means
        first = means[0] if first is None else first
        for model, step, row in zip(team, makers, means):
            put(model, row)
            step.step()
            step.zero_grad()
    ends = [values(model) for model in team]
    apart = np.mean([np.linalg.norm(e - ends[0]) for e in ends[1:]])
    return team, float(apart), np.array(losses), first


def differing(team):
    """How many ranks have other hashes than rank 0, as DataParallel compares them."""
    hashes = [world.digests(whole.slots(model)) for model in team]
    return sum(one != hashes[0] for one in hashes)


def gradient_through_norm(x, target, part, joint=True):
    """dL/dx of rows `part` of BatchNorm's squared error, in float64.

    joint: the statistics are those of all rows of x; else those of `part` alone.
    """
    t = tensor(x if joint else x[part], requires_grad=True, dtype="float64")
    d = t - t.mean(axis=0)
    out = d / ((d * d).mean(axis=0) + 1e-5).sqrt()
    out = out[part] if joint else out
    ((out - target[part]) ** 2).sum().backward()
    return t.grad.numpy()
