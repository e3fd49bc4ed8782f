"""Chapter 02: a small GPT on characters by kind of position; `tinyft study 02`.

The blocks of GPT-2, two of width 48, on *As You Like It*: STEPS steps of 8 x 32
characters, the same batches for every kind. Each kind gets the best of RATES on
validation text.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import data, models, ops, optim, training
from tinyft.course.lessons.foundations.ch02_language import rows_of, token_losses
from tinyft.course.runs import CHOOSING

KINDS = ("none", "learned", "sinusoidal", "rotary", "alibi")
RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2)  # one grid for all
STEPS, LENGTH = 1000, 32


@cache
def text():
    """(tokenizer, ids to train on, rows to choose on, rows to test on)."""
    play = data.load_text("shakespeare", "train")
    letters = data.CharTokenizer(play)
    parts = (data.load_text("shakespeare", split) for split in ("test", "valid"))
    rows = [rows_of(letters.encode(part), LENGTH) for part in parts]
    return letters, letters.encode(play), *rows


def char_loss(model, x, y):
    """Mean cross-entropy per character, in nats."""
    return ops.cross_entropy(model(x).reshape(-1, len(text()[0])), y.reshape(-1))


def train_one(positions, lr, seed):
    """(model, history) after STEPS steps of AdamW with warm-up and cosine."""
    letters, chars, *_ = text()
    shape = {"vocab": len(letters), "dim": 48, "length": LENGTH}
    model = models.gpt2_tiny(seed, positions=positions, **shape)
    draw = np.random.default_rng(seed)
    adamw = optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.1)
    cosine = optim.Schedule(adamw, optim.schedule.warmup_cosine, warmup=20, total=STEPS)
    batches = (data.lm_batch(draw, chars, 8, LENGTH) for _ in itertools.count())
    options = {"schedule": cosine, "clip": 1.0, "every": 10, "progress": False}
    history = training.fit(model, char_loss, batches, adamw, steps=STEPS, **options)
    return model, history


def plan():
    """The grid of rates with the seeds of CHOOSING."""
    return [
        {"positions": kind, "lr": lr, "seed": seed}
        for kind in KINDS
        for lr in RATES
        for seed in CHOOSING
    ]


def run(positions, lr, seed):
    """{"valid", "test"}: losses on text that is not trained on, nats per character."""
    model, _ = train_one(positions, lr, seed)
    _, _, valid, test = text()
    return {
        "valid": token_losses(model, *valid).mean(),
        "test": token_losses(model, *test).mean(),
    }
