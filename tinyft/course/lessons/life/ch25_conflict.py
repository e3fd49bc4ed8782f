"""Chapter 25: how far the gradients of two worlds agree while a network learns both."""

import numpy as np

from tinyft import backend, optim, tensor, transfer
from tinyft.course.lessons.life import ch25_setting as setting
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


def conflict_rows(lr=0.03, seed=0, part=100):
    """({world: cosines (steps,)} with the control, rows of the table beside it).

    Columns: the mean cosine and the share below 0 in the first and the last `part`
    steps, and the whole pool's cosine before and after training.
    """
    lines, rows = {}, []
    for other in ("shifted", "upside down", "renamed"):
        (cos, control), model = cosines_on_the_way(other, lr, seed)
        lines[f"plain, {other}"] = cos
        start = whole_cosine(setting.one_head(seed), other)
        ends = f"{start:+.2f}", f"{whole_cosine(model, other):+.2f}"
        rows.append([f"plain, {other}", *_ends(cos, part), *ends])
        if other == "shifted":
            lines["plain, plain again"] = control
            rows.insert(0, ["plain, plain again", *_ends(control, part), "+1", "+1"])
    return lines, rows


def _ends(cos, part):
    first, last = cos[:part], cos[-part:]
    return [
        f"{first.mean():+.2f}",
        f"{np.mean(first < 0):.0%}",
        f"{last.mean():+.2f}",
        f"{np.mean(last < 0):.0%}",
    ]
