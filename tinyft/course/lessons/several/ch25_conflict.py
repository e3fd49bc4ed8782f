"""Chapter 25: how far the gradients of two worlds agree while a network learns both."""

import itertools
from functools import partial

import numpy as np

from tinyft import backend, optim, tensor, transfer
from tinyft.course.experiment import train
from tinyft.course.lessons.several import ch25_setting as setting
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.metrics import on_device


def cosines_on_the_way(other, lr, seed=0, steps=setting.STEPS):
    """(cos of A and B, cos of A and another batch of A) before every step, (steps,) each.

    A is the plain world, B another one; they are trained together, by their plain sum.
    The second batch of A does not train: it shows what chance alone does to a cosine.
    """
    plain = setting.world("plain", "pool")
    tasks = {"A": plain, "B": setting.world(other, "pool"), "A again": plain}
    model = setting.one_head(seed)
    step = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    rate = optim.Schedule(step, warmup_cosine, warmup=steps // 10, total=steps)
    draws, found = setting.batches(tasks)(np.random.default_rng(seed)), []
    for _, batch in zip(range(steps), draws):
        arrays = on_device(model, batch)
        several = setting.losses(model, tasks, arrays)
        G = transfer.task_gradients(several, model.parameters())
        found.append(backend.asnumpy(transfer.cosines(G))[0, 1:])
        pair = {task: several[task] for task in "AB"}
        again = setting.losses(model, pair, arrays[:4])
        transfer.weighted_sum(again).backward()
        step.step()
        step.zero_grad()
        rate.step()
    return np.transpose(found), model


def whole_cosine(model, other):
    """cos of A and B over the whole pool: no chance of a batch is in it."""
    worlds = {"A": "plain", "B": other}
    arrays = [
        tensor(v) for name in worlds.values() for v in setting.world(name, "pool")
    ]
    found = setting.losses(model, worlds, arrays)
    G = transfer.task_gradients(found, model.parameters())
    return float(backend.asnumpy(transfer.cosines(G))[0, 1])


def conflict_rows(lr=0.03, seeds=(0, 1, 2), part=100):
    """({pair: cosines (steps,) of the first seed}, rows of the table beside them).

    Columns, means over seeds, for the first and for the last `part` steps: the mean
    cosine, the share below 0, and that share for two batches of A in the same runs; then
    the whole pool's cosine before and after training, each seed's.
    """
    lines, rows = {}, []
    for other in ("shifted", "upside down", "renamed"):
        found = [cosines_on_the_way(other, lr, seed) for seed in seeds]
        runs = np.array([both for both, _ in found])  # (seeds, 2, steps)
        before = [whole_cosine(setting.one_head(seed), other) for seed in seeds]
        after = [whole_cosine(model, other) for _, model in found]
        ends = (*_end(runs[..., :part]), *_end(runs[..., -part:]))
        rows.append([other, *ends, _each(before), _each(after)])
        lines[f"plain, {other}"] = runs[0, 0]
        if other == "upside down":
            lines["plain, plain again"] = runs[0, 1]
    return lines, rows


def _end(runs):
    """Mean of A with B, share below 0, and the control's share: (seeds, 2, steps)."""
    share, control = np.mean(runs < 0, axis=(0, 2))
    return f"{runs[:, 0].mean():+.2f}", f"{share:.0%}", f"{control:.0%}"


def _each(values):
    return ", ".join(f"{value:+.2f}" for value in values)


def steps_to_best(loss, lr=0.03, most=5000):
    """Steps of Adam from σ² = 1 until the σ² of a fixed regression loss is within a tenth
    of its best."""
    weights = transfer.UncertaintyWeights(dict.fromkeys("ab", "regression"))
    step, losses = optim.Adam(weights.parameters(), lr=lr), {}
    for t in "ab":
        losses[t] = tensor(np.array(loss, np.float32))
    for count in range(most):
        if abs(weights.variances()["a"] / loss - 1) < 0.1:
            return count
        weights(losses).backward()
        step.step()
        step.zero_grad()
    raise ValueError(f"steps_to_best: still away from {loss} after {most} steps")


def small_steps(tasks, factor, after=(20, 200, 400), lr=0.03, seeds=(0, 1, 2, 3, 4)):
    """Rows (steps, cosine, |g_A|², changes / η) of one small step, means over seeds, and
    how often the cosine is below 0.

    The points are where so many steps of A + factor · B have led. The small step is plain
    gradient descent over the whole pool, along the sum of both gradients and along the
    sum of the projected ones: the changes of L_A, of both ways, then those of L_B.
    """
    rows = []
    for steps in after:
        found = np.array([_small_step(tasks, factor, steps, lr, s) for s in seeds])
        cosine, own, *changes = found.mean(axis=0)
        below = f"{(found[:, 0] < 0).sum()} of {len(seeds)}"
        row = [steps, f"{cosine:+.2f}", below, f"{own:.2f}"]
        rows.append([*row, *(f"{value:+.3f}" for value in changes)])
    return rows


def _small_step(tasks, factor, steps, lr, seed, eta=1e-4):
    """[cosine, |g_A|², change of L_A by the sum, by PCGrad, of L_B by both] / η."""
    arrays = [tensor(v) for pair in tasks.values() for v in pair]
    model = setting.one_head(seed)
    setting.fit(model, tasks, "sum", lr, seed, {"B": factor}, steps)
    losses = partial(setting.losses, model, tasks, arrays)
    found = losses()
    before = {task: value.item() for task, value in found.items()}
    found["B"] = factor * found["B"]
    G = backend.asnumpy(transfer.task_gradients(found, model.parameters()))
    both = G, transfer.pcgrad(G, np.random.default_rng(0))
    moves = [
        _after(list(model.parameters()), part.sum(axis=0) * eta, losses, before)
        for part in both
    ]
    changes = np.transpose(moves).ravel() / eta  # A: sum, PCGrad; B: the same
    return [transfer.cosines(G)[0, 1], np.sum(G[0] ** 2), *changes]


def part_time(tasks, factor, first, last, lr=0.03, seeds=(0, 1, 2, 3, 4)):
    """A's test errors, one per seed, when only steps first ≤ k < last use PCGrad."""
    test, found = setting.world("plain", "test"), []
    for seed in seeds:
        model = setting.one_head(seed)
        loss = _switching(model, tasks, factor, range(first, last), seed)
        train(model, setting.batches(tasks), lr, setting.STEPS, seed, loss)
        found.append(setting.errors(model, "", *test).mean())
    return np.array(found)


def _switching(model, tasks, factor, projected, seed):
    """A loss A + factor · B that goes through PCGrad in the steps of `projected`."""
    project, count = transfer.PCGrad(model.parameters(), seed), itertools.count()

    def loss(model, *arrays):
        parts = setting.losses(model, tasks, arrays)
        parts["B"] = factor * parts["B"]
        if next(count) in projected:
            return setting.Projected(project, parts)
        return transfer.weighted_sum(parts)

    return loss


def _after(params, move, losses, before):
    """The change of each loss when the parameters go by −move; they come back."""
    kept, start = [p.data.copy() for p in params], 0
    for p in params:
        part = move[start : start + p.size].reshape(p.shape)
        p.data = p.data - tensor(part.astype(np.float32)).data
        start += p.size
    after = losses()
    for p, data in zip(params, kept):
        p.data = data
    return [after[task].item() - before[task] for task in before]
