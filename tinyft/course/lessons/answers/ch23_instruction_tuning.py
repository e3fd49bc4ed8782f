"""Chapter 23: the small chat model, its instructions, and the runs of `tinyft study 23`.

Every run starts from the shipped `char_text`, which has read and never been told.
"""

from functools import cache

import numpy as np

from tinyft import data, no_grad, objectives, optim
from tinyft.course.runs import CHOOSING
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.loop import fit
from tinyft.training.metrics import on_device
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

BASE, CHAT = "char_text", "char_chat"
STEPS, BATCH, WORDS = 300, 48, 60
MASKED, JOINT = objectives.OBJECTIVES
TASKS = data.instruction_tasks()
ARMS = {"answers alone": MASKED, "every token": JOINT}  # no "|" in a table


def train(model, batches, lr, steps, seed, loss=lm_loss):
    """`training.fit` with AdamW (betas .9 and .98, no decay), warm-up, cosine, clip 1.

    batches: rng -> batches; training ends with them, or after `steps`. Returns the loss
    before every step, an array.
    """
    step = optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.0)
    rate = optim.Schedule(step, warmup_cosine, warmup=steps // 10, total=steps)
    losses, drawn = [], batches(np.random.default_rng(seed))
    how = {
        "steps": steps,
        "epochs": 1,
        "schedule": rate,
        "clip": 1.0,
        "progress": False,
    }
    fit(model, loss, drawn, step, on_step=lambda _, one: losses.append(one), **how)
    return np.array([float(one) for one in losses])


def batches(tokens, objective=MASKED, words=None, batch=BATCH):
    """A function rng -> endless batches (x, y) of random instructions, padded."""
    words = data.instruction_words("train") if words is None else words

    def endless(rng):
        while True:
            drawn = data.instructions(words, rng, batch)
            yield objectives.chat_batch(tokens, drawn, objective)

    return endless


def ask(model, tokens, *texts, count=20):
    """The model's greedy answer to each text, up to its [END] or `count` tokens."""
    return [_ask(model, tokens, text, count) for text in texts]


def _ask(model, tokens, text, count):
    template = objectives.Template()
    ids = template.ids(tokens, [{"role": "user", "content": text}])
    end = tokens.special_id(template.end)
    out = model.generate(np.array([ids]), count, greedy=True, stop=end)[0, len(ids) :]
    kept = out[: list(out).index(end)] if end in out else out
    return tokens.decode(kept)


def held_out(tokens, split, task=None):
    """One padded batch (x, y): every task (or one) on WORDS words, from A to Z."""
    tasks = TASKS if task is None else (task,)
    asked = [data.instruction(t, w) for t in tasks for w in some_words(split)]
    return objectives.chat_batch(tokens, asked)


def some_words(split):
    """WORDS words of a split, evenly spread from A to Z."""
    words = data.instruction_words(split)
    return [words[i * len(words) // WORDS] for i in range(WORDS)]


def exact(model, x, y):
    """Which rows are answered right to the last [END], booleans (B,).

    Every target is the likeliest token given the true ones before it: then greedy
    decoding writes the same answer.
    """
    with no_grad(), model.evaluating():
        (x,) = on_device(model, (x,))
        best = model(x).numpy().argmax(-1)
    return ((best == y) | (y == data.IGNORE)).all(axis=1)


def by_task(model, tokens, split="test"):
    """{task: share of held-out words answered exactly}."""
    right = exact(model, *held_out(tokens, split)).reshape(len(TASKS), -1)
    return {task: float(row.mean()) for task, row in zip(TASKS, right)}


def mistaken(batches, kind, tokens):
    """The batches of `batches` with one mistake: "no end", "first token lost" or "not
    shifted" (the targets are the inputs at the same places); "right" leaves them."""
    end, bot = tokens.special_id("[END]"), tokens.special_id("[BOT]")

    def spoiled(rng):
        for x, y in batches(rng):
            if kind == "no end":
                y = np.where(y == end, data.IGNORE, y)
            elif kind == "first token lost":
                y = np.where(x == bot, data.IGNORE, y)
            elif kind == "not shifted":
                later = np.roll(y, 1, axis=1) != data.IGNORE
                y = np.where(later, x, data.IGNORE)
            yield x, y

    return spoiled


def a_step(model, rows):
    """A function: one forward and backward pass of (x, y), or of Packed rows."""

    def step():
        if isinstance(rows, objectives.Packed):
            loss = objectives.packed_loss(model, rows)
        else:
            loss = objectives.sft_loss(model, *on_device(model, rows))
        loss.backward()
        model.zero_grad()

    return step


def chat_batch(tokens, task, words):
    """One instruction on each of the words, a padded batch (x, y)."""
    return objectives.chat_batch(tokens, [data.instruction(task, w) for w in words])


def taken_gradient(model):
    """The gradient that lies in the model, one row; it is cleared."""
    found = np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
    model.zero_grad()
    return found


# --- tinyft study 23 -------------------------------------------------------------------
RATES = (2e-3, 4e-3, 8e-3)
MORE = {"lr": 4e-3, "seeds": (5, 6, 7)}  # at the rate that was best for both


def plan():
    """Answers alone, or every token, as targets: each at three rates for two seeds.

    Then three seeds more than SEEDS, a second look: the first five had left it open.
    """
    arms = MASKED, JOINT
    grid = [
        {"objective": objective, "lr": lr, "seed": seed}
        for seed in CHOOSING
        for objective in arms
        for lr in RATES
    ]
    return grid + [
        {"objective": objective, "lr": MORE["lr"], "seed": seed}
        for seed in MORE["seeds"]
        for objective in arms
    ]


@cache
def _held_out(split):
    return held_out(load_pretrained(BASE)[1], split)


def run(objective, lr, seed, steps=STEPS):
    """Fine-tune the base; {"valid": nats per answer token, "test": share exact, ...}."""
    model, tokens, _ = load_pretrained(BASE)
    losses = train(model, batches(tokens, objective), lr, steps, seed)
    with no_grad():
        valid = lm_loss(model, *on_device(model, _held_out("valid"))).item()
    tasks = by_task(model, tokens)
    return {
        "valid": valid,
        "test": float(np.mean(list(tasks.values()))),
        "train": float(losses[-10:].mean()),
        **tasks,
    }
