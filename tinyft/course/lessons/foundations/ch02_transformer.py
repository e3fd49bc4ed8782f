"""Chapter 02: a small GPT on characters by kind of position; `tinyft study 02`.

The blocks of GPT-2, two of width 48, on *As You Like It*: STEPS steps of 8 x 32
characters, the same batches for every kind. Each kind gets the best of RATES on
validation text.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import data, models, ops, optim, training
from tinyft.course.lessons.foundations.ch02_language import (
    ngrams,
    rows_of,
    token_losses,
)
from tinyft.course.plot import show
from tinyft.course.prose import table
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


def loss_of_pairs():
    """The loss of counting pairs of characters on the test text, nats per character."""
    letters, chars, _, test = text()
    return -np.log(ngrams(chars, len(letters))[1][test]).mean()


# --- tables and a drawing of the chapter ----------------------------------------------


def by_hand(name, words, scores, weights, outputs):
    """A table of one attention: scores and weights (T, T), outputs (T, 1)."""
    columns = (f"{kind} of {w}" for kind in ("score", "weight") for w in words)
    rows = np.hstack([scores, weights, outputs]).round(2)
    head = [f"looks at {name}", *columns, "output"]
    table(head, [[w, *row] for w, row in zip(words, rows)])


def steps_of(gpt):
    """[step, what it does, shape, parameters] of a GPT, from ids to probabilities."""
    c, block, shape = gpt.config, gpt.blocks[0], f"(T, {gpt.config.dim})"
    hidden = block.mlp.up.weight.shape[0]
    attn = f"norm; W_q, W_k, W_v; {c.heads} heads of {c.dim // c.heads}; W_o; added"
    mlp = f"norm; up to {hidden}; GELU; down to {c.dim}; added"
    embed = "a row of E for each id, plus a row for its position"
    logits = f"(T, {c.vocab})"
    return [
        ["tokens", f"ids below {c.vocab}", "(T,)", ""],
        ["embedding", embed, shape, _size(gpt.embed, gpt.position)],
        _row(
            f"attention, {c.layers} times", attn, shape, _size(block.norm1, block.attn)
        ),
        _row(f"MLP, {c.layers} times", mlp, shape, _size(block.norm2, block.mlp)),
        ["norm, head", "E transposed: a score per id", logits, _size(gpt.norm)],
        ["softmax, last row", "probability of the next token", f"({c.vocab},)", ""],
    ]


def _size(*parts):
    return f"{sum(part.count() for part in parts):,}"


def _row(step, what, shape, size):
    return [step, what, shape, size + " each"]


def show_head(weights, words, caption):
    """Draw the attention weights (T, T) of one head over words on both axes."""
    import matplotlib.pyplot as plt

    T = len(words)
    fig, ax = plt.subplots(figsize=(6.4, 5.2))
    seen = np.where(np.tri(T, dtype=bool), weights, np.nan)
    image = ax.imshow(seen, cmap="Blues", vmin=0, vmax=0.6)
    ax.set(xticks=range(T), yticks=range(T), yticklabels=words)
    ax.set(xlabel="looks at (key)", ylabel="token (query)")
    ax.set_xticklabels(words, rotation=90)
    ax.grid(False)
    fig.colorbar(image, label="attention weight", extend="max")
    alt = "Attention weights of one head as a lower triangle with words on both axes."
    show(fig, alt, caption)
