"""Chapter 30: ranks in one process, mistakes with the sum, and runs under mpiexec."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from tinyft import io, optim, peft, tensor
from tinyft.course.experiment import text_parts, trained_parameters, windows
from tinyft.optim.clip import clip_grad_norm
from tinyft.training import fit
from tinyft.training.metrics import counted, on_device
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

ROWS, LENGTH, STEPS, RATE, CLIP = 15, 48, 12, 1e-3, 1.0
SITES = r"attn\.(q|v)"


# --- a model and its batches --------------------------------------------------------


def fresh(method="lora"):
    """The shipped GPT, with LoRA (r = 8) on q and v, or with all weights training."""
    model = load_pretrained("gpt_text")[0]
    if method == "lora":
        peft.attach(model, peft.LoRA(8, 16), SITES, rng=0)
    return model


@cache
def ids(part="train"):
    """A part of the King James Bible, in the shipped model's tokens (N,)."""
    return text_parts("kjv", load_pretrained("gpt_text")[1])[part]


def batches(steps=STEPS, rows=ROWS, seed=0):
    """The same list of batches (x, y), each (rows, 48), for every rank."""
    endless = windows(ids(), rows, LENGTH)(np.random.default_rng(seed))
    return [next(endless) for _ in range(steps)]


def answers_only(batch, kept):
    """A batch where row i trains on its last kept[i] targets only, as on an answer."""
    x, y = batch
    late = np.arange(y.shape[1]) >= y.shape[1] - np.asarray(kept)[:, None]
    return x, np.where(late, y, -100)


# --- ranks in one process -----------------------------------------------------------


def slopes(model, batch):
    """(gradient of the mean loss as one array, its targets, the loss) of a batch."""
    params = trained_parameters(model)
    assert all(p.grad is None for p in params), "a gradient of before would be added"
    loss = lm_loss(model, *on_device(model, batch))
    loss.backward()
    flat = np.concatenate([p.grad.numpy().ravel().astype(float) for p in params])
    for p in params:
        p.grad = None
    return flat, counted(batch[-1]), loss.item()


def shares(batch, size):
    """The parts of a batch for `size` ranks: contiguous rows, as equal as can be."""
    return list(zip(*(np.array_split(x, size) for x in batch)))


JOINS = {
    "sum / count": lambda g, n: n @ g / n.sum(),
    "mean of means": lambda g, n: g.mean(axis=0),
    "sum of means": lambda g, n: g.sum(axis=0),
    "rank 0 alone": lambda g, n: g[0],
}


def put(model, flat):
    """Write a flat gradient (N,) into the parameters that train."""
    at = 0
    for p in trained_parameters(model):
        p.grad = tensor(flat[at : at + p.size].reshape(p.shape), dtype=p.dtype)
        at += p.size


def trained(model, steps, make, join="sum / count", size=4, clip=None):
    """Train on `size` simulated ranks; the losses (their mean over all targets).

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
        losses.append(n @ loss / n.sum())
    return np.array(losses)


def values(model):
    """All that trains, as one float64 array."""
    return np.concatenate(
        [p.numpy().ravel() for p in trained_parameters(model)]
    ).astype(float)


def optimizer(name, lr):
    """params -> the optimizer of a name."""
    if name == "SGD":
        return lambda params: optim.SGD(params, lr)
    return lambda params: optim.Adam(params, lr)


def separate(steps, size=4, lr=RATE, joined=lambda k: False):
    """Ranks that train on their own: each has its model, and its rows of every batch.

    joined(k): whether micro-batch k of a step (each batch is two) is summed over ranks.
    Returns (the models, the mean over ranks of the distance to rank 0).
    """
    team = [fresh() for _ in range(size)]
    makers = [optim.AdamW(trained_parameters(model), lr) for model in team]
    for batch in steps:
        total, count = np.zeros((size, len(values(team[0])))), np.zeros(size)
        for k, micro in enumerate(shares(batch, 2)):
            found = [slopes(m, part) for m, part in zip(team, shares(micro, size))]
            g, n, _ = map(np.array, zip(*found))
            sums = g * n[:, None]
            if joined(k):
                sums, n = np.tile(sums.sum(0), (size, 1)), np.full(size, n.sum())
            total, count = total + sums, count + n
        for model, step, row, n in zip(team, makers, total, count):
            put(model, row / n)
            step.step()
            step.zero_grad()
    ends = [values(model) for model in team]
    return team, float(np.mean([np.linalg.norm(e - ends[0]) for e in ends[1:]]))


# --- ranks that are processes -------------------------------------------------------


def train(model, ranks, steps=STEPS):
    """AdamW on the chapter's batches; seconds at the end of each step."""
    ends = []
    fit(
        model,
        lm_loss,
        batches(steps),
        optim.AdamW(trained_parameters(model), RATE),
        steps=steps,
        clip=CLIP,
        parallel=ranks,
        on_step=lambda step, loss: ends.append(time.perf_counter()),
        progress=False,
    )
    return ends


def mpiexec():
    """The launcher beside this Python, None where the extra `mpi` is not installed."""
    path = Path(sys.executable).with_name("mpiexec")
    return path if importlib.util.find_spec("mpi4py") and path.exists() else None


def launch(size, method="lora", steps=STEPS):
    """Train under `mpiexec -n size`, on the CPU.

    Returns {"values", "seconds", "waiting", "bytes", "steps"} of rank 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "values.safetensors"
        module = "tinyft.course.lessons.scaling.ch30_ranks"
        command = [mpiexec(), "-n", str(size), sys.executable, "-m", module]
        ended = subprocess.run(
            [*map(str, command), str(out), method, str(steps)],
            capture_output=True,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "TINYFT_DEVICE"},
        )
        if ended.returncode:
            raise RuntimeError(f"mpiexec ended with an error: {ended.stderr[-2000:]}")
        line = next(x for x in ended.stdout.splitlines() if x.startswith("{"))
        return json.loads(line) | {"values": np.asarray(io.load(out)["values"])}


# --- the study ----------------------------------------------------------------------


def plan():
    """`tinyft study 30`: LoRA and all weights on 1, 2 and 3 ranks, three repetitions."""
    return [
        {"method": method, "ranks": ranks, "seed": seed}
        for method in ("lora", "full")
        for ranks in (1, 2, 3)
        for seed in (0, 1, 2)
    ]


def finals(grids):
    """Nothing is chosen, so nothing follows."""
    return []


def run(method, ranks, seed):
    """One run under mpiexec beside one process; seed: only another repetition."""
    model = fresh(method)
    train(model, None)
    start, alone = values(fresh(method)), values(model)
    found = launch(ranks, method)
    gap = np.linalg.norm(found["values"] - alone) / np.linalg.norm(alone - start)
    kept = {k: found[k] for k in ("seconds", "waiting", "bytes", "steps")}
    return {"gap": gap, **kept}
