"""What the experiments of all chapters share: data, a training run, seeds, and costs.

    ids = text_parts("kjv", tokens, rewrite)     {"train", "valid", "test": token ids}
    losses = train(model, windows(ids["train"]), lr=5e-3)
    loss_on(model, ids["valid"])                 nats per token
    mean, half = interval(values)                mean ± half, 95 %, Student's t
    step_memory(step), race({name: step})        memory and time of a training step

The seed decides everything that is random, so methods that are trained with one seed see
the same batches, and their differences are paired. A rate is chosen by the validation
part, results come from the test part; the shipped models have seen neither.
"""

import math
import re
import tempfile
import time
from pathlib import Path

import numpy as np

from tinyft import data, io, no_grad, optim, peft, tensor
from tinyft.course.memory import live_memory
from tinyft.evaluation import student
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.metrics import on_device
from tinyft.training.recipes import lm_loss

SEEDS = (0, 1, 2, 3, 4)


# --- data --------------------------------------------------------------------------


def text_parts(domain, tokens, rewrite=None):
    """{"train", "valid", "test": token ids (N,)} of a shipped text.

    rewrite: str -> str, applied to each part before it is encoded.
    """
    parts = {split: data.load_text(domain, split) for split in data.text.SPLITS[:3]}
    rewrite = rewrite or (lambda text: text)
    return {k: np.array(tokens.encode(rewrite(text))) for k, text in parts.items()}


def windows(ids, batch=4, length=64):
    """A function rng -> endless batches (x, y), each (batch, length), from ids (N,)."""

    def batches(rng):
        while True:
            yield data.lm_batch(rng, ids, batch, length)

    return batches


# --- training ----------------------------------------------------------------------


def trained_parameters(model):
    """What takes a gradient: the model's own parameters and those of its adapters."""
    own = [p for p in model.parameters() if p.requires_grad]
    adapters = peft.attached(model).values()
    added = [p for one in adapters for p in one.parameters() if p.requires_grad]
    return list({id(p): p for p in own + added}.values())


def train(model, batches, lr, steps=100, seed=0, loss=lm_loss, parameters=None):
    """AdamW without decay, a tenth of the steps warm-up, then the cosine.

    batches: rng -> endless batches.  loss(model, *batch) -> a scalar.  parameters: what
    trains, by default all that takes a gradient.  Returns the loss before every step, an
    array (steps,).
    """
    params = trained_parameters(model) if parameters is None else list(parameters)
    step = optim.AdamW(params, lr=lr, weight_decay=0.0)
    rate = optim.Schedule(step, warmup_cosine, warmup=steps // 10, total=steps)
    losses = []
    for _, batch in zip(range(steps), batches(np.random.default_rng(seed))):
        value = loss(model, *on_device(model, batch))
        value.backward()
        step.step()
        step.zero_grad()
        rate.step()
        losses.append(value.item())
    return np.array(losses)


# --- measuring ---------------------------------------------------------------------


def loss_on(model, ids, length=64, count=32):
    """Mean loss on `count` windows, evenly spread over ids (N,): nats per token."""
    starts = np.arange(count) * ((len(ids) - length - 1) // count)
    rows = ids[starts[:, None] + np.arange(length + 1)]
    with no_grad(), model.evaluating():
        parts = [
            lm_loss(model, *on_device(model, (part[:, :-1], part[:, 1:]))).item()
            for part in np.split(rows, count // 16)
        ]
    return float(np.mean(parts))


def sample(model, tokens, prompt="\n", count=60, rows=1, seed=0, **options):
    """`rows` texts that continue the prompt by `count` tokens, without the prompt.

    options: of `generate`; by default top_k=10 and temperature=0.7.
    """
    options = {"top_k": 10, "temperature": 0.7} | options
    ids = np.tile(tokens.encode(prompt), (rows, 1))
    rng = np.random.default_rng(seed)
    out = model.generate(ids, count, rng=rng, **options)
    return [tokens.decode(row[ids.shape[1] :]) for row in out]


def share(texts, pattern):
    """The share of all complete lines in `texts` that match `pattern` from end to end.

    The last line of a text is cut off somewhere, so it does not count.
    """
    lines = [line for text in texts for line in text.split("\n")[:-1] if line.strip()]
    return sum(bool(re.fullmatch(pattern, line)) for line in lines) / max(len(lines), 1)


def interval(values):
    """(mean, half): with 95 % the expectation lies in mean ± half (Student's t).

    values: one number per seed, two or more.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"interval: two or more values, one per seed, not {n}")
    half = student(0.95, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
    return float(np.mean(values)), float(half)


def said(values, digits=2, sign=False):
    """The interval as text, "1.23 ± 0.04"; with a sign where it is a difference."""
    mean, half = interval(values)
    return f"{mean:{'+' if sign else ''}.{digits}f} ± {half:.{digits}f}"


def settled(differences):
    """1, −1 or 0: the interval of the differences lies above 0, below, or contains it."""
    mean, half = interval(differences)
    return int(np.sign(mean)) if abs(mean) > half else 0


def said_gap(differences, digits=2, unit=1, label=" (not settled)"):
    """Paired differences as text, "+1.23 ± 0.04"; the label follows if 0 is inside.

    unit: 100 for differences of shares, in points.
    """
    text = said(unit * np.asarray(differences), digits, sign=True)
    return text + ("" if settled(differences) else label)


def best(scores):
    """The key with the smallest mean; scores: {rate: [value per seed]}, sorted by rate.

    Raises ValueError when it is the first or the last: the grid is too narrow then.
    """
    rates = sorted(scores)
    winner = min(rates, key=lambda rate: np.mean(scores[rate]))
    if winner in (rates[0], rates[-1]):
        raise ValueError(
            f"best: {winner} is at the edge of the grid {rates}; try rates beyond it"
        )
    return winner


def step_memory(step):
    """(MiB that stay alive, MiB at the peak) of two training steps, beyond the start.

    What stays is the optimiser's state; gradients, activations and temporaries are the
    rest of the peak.
    """
    live, peak = live_memory(step, steps=2)
    return live[-1], peak


def logits(model, ids):
    """The model's logits of token ids, a host array, without a tape."""
    with no_grad(), model.evaluating():
        return model(tensor(np.asarray(ids))).numpy()


def training_step(model, batch, lr=1e-3, loss=lm_loss):
    """A function that takes one AdamW step of what trains, on the same batch each time."""
    step = optim.AdamW(trained_parameters(model), lr=lr)

    def one_step():
        loss(model, *on_device(model, batch)).backward()
        step.step()
        step.zero_grad()

    return one_step


def race(steps, rounds=7, clock=time.perf_counter):
    """{name: median seconds} of several functions {name: step}, in alternation.

    clock: time.process_time does not see what else the machine does.
    """
    seconds = {name: [] for name in steps}
    for i in range(rounds + 1):
        for name, step in steps.items():
            began = clock()
            step()
            if i:  # the first round warms up
                seconds[name].append(clock() - began)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def cost(model, batch):
    """{what: number} of fine-tuning what trains: parameters, file, memory of a step.

    The file is the adapter's if the model has one, else the whole model's. Memory is
    counted beyond the model itself, in MB of a million bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task"
        if peft.attached(model):
            path = peft.save(model, path) / "adapter_model.safetensors"
        else:
            io.save(path, model.state_dict())
        size = path.stat().st_size
    kept, peak = step_memory(training_step(model, batch))
    return {
        "trained parameters": sum(p.size for p in trained_parameters(model)),
        "file per task (MB)": size / 1e6,
        "Adam's state (MB)": kept * 2**20 / 1e6,
        "beside the base, at the peak (MB)": peak * 2**20 / 1e6,
    }
