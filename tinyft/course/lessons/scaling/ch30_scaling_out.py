"""Chapter 30: a model and its batches, runs under mpiexec, and the chapter's study."""

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

import tinyft
from tinyft import io, optim, peft
from tinyft.course.experiment import (
    SEEDS,
    loss_on,
    text_parts,
    trained_parameters,
    windows,
)
from tinyft.training import fit
from tinyft.training.metrics import counted, on_device
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

ROWS, LENGTH, STEPS, RATE, CLIP = 15, 48, 12, 1e-3, 1.0
SITES = r"attn\.(q|v)"
ONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads of each rank


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


# --- gradients of parts -------------------------------------------------------------


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


def values(model):
    """All that trains, as one float64 array."""
    return np.concatenate(
        [p.numpy().ravel() for p in trained_parameters(model)]
    ).astype(float)


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
        told = _run([*command, out, method, steps])
        line = next(x for x in told.splitlines() if x.startswith("{"))
        return json.loads(line) | {"values": np.asarray(io.load(out)["values"])}


def measured(alone, study):
    """{"gap", "bytes", "told"} of two ranks beside `alone`, trained by one process.

    Run here by `mpiexec -n 2`; a stored run where the extra `mpi` is not installed.
    """
    if not mpiexec():
        scores = study.where(method="lora", ranks=2, seed=0)[0]["scores"]
        return scores | {"told": "the extra mpi is not installed here: a stored run"}
    found, start = launch(2), values(fresh())
    way = np.linalg.norm(values(alone) - start)
    gap = np.linalg.norm(found["values"] - values(alone)) / way
    told = f"measured here: two ranks, {found['steps']} steps, {found['bytes']:,} bytes"
    return {"gap": gap, "bytes": found["bytes"], "told": told}


def start(script, size=2):
    """What a script prints under `mpiexec -n size`; a sentence without the extra."""
    if not mpiexec():
        return "the extra mpi is not installed here, so the script was not started"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(script, "utf-8")
        return _run([mpiexec(), "-n", str(size), sys.executable, path], folder)


def _run(command, folder=None):
    paths = [str(Path(tinyft.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    kept = {k: v for k, v in os.environ.items() if k != "TINYFT_DEVICE"}
    ended = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        cwd=folder,
        env=kept | ONE | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    if ended.returncode:
        raise RuntimeError(f"mpiexec ended with an error: {ended.stderr[-2000:]}")
    return ended.stdout


# --- the study ----------------------------------------------------------------------


SIZES, SEEN = (4, 16), 960  # rows of a batch, and in all
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)


def plan():
    """`tinyft study 30`: times on 1, 2 and 3 ranks, and rates for two sizes of a batch."""
    timings = [
        {"method": method, "ranks": ranks, "seed": seed}
        for method in ("lora", "full")
        for ranks in (1, 2, 3)
        for seed in (0, 1, 2)
    ]
    return timings + [
        {"rows": rows, "lr": lr, "seed": seed}
        for rows in SIZES
        for lr in RATES
        for seed in SEEDS
    ]


def minimum(losses):
    """Where a parabola through the best of RATES and its neighbours is least.

    losses: one per rate. In doublings of the first rate.
    """
    k = int(np.clip(np.argmin(losses), 1, len(losses) - 2))
    a, b, c = losses[k - 1 : k + 2]
    return k + 0.5 * (a - c) / (a - 2 * b + c)


def finals(grids):
    """Every seed is run at every rate, so nothing follows."""
    return []


def run(seed, method=None, ranks=None, rows=None, lr=None):
    """Scores of one setting of the plan."""
    return timed(method, ranks) if ranks else tuned(rows, lr, seed)


def timed(method, ranks):
    """One run under mpiexec beside one process; a seed is only another repetition."""
    model = fresh(method)
    train(model, None)
    start, alone = values(fresh(method)), values(model)
    found = launch(ranks, method)
    gap = np.linalg.norm(found["values"] - alone) / np.linalg.norm(alone - start)
    kept = {k: found[k] for k in ("seconds", "waiting", "bytes", "steps")}
    return {"gap": gap, **kept}


def tuned(rows, lr, seed):
    """The held-out loss after SEEN rows, in batches of `rows`: AdamW, LoRA."""
    model = fresh()
    step = optim.AdamW(trained_parameters(model), lr)
    seen = batches(SEEN // rows, rows, seed)
    fit(model, lm_loss, seen, step, epochs=1, clip=CLIP, progress=False)
    return {"valid": loss_on(model, ids("valid"))}
