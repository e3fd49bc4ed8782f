"""Chapter 02: a small GPT on characters by kind of position; `tinyft study 02`.

The blocks of GPT-2, two of width 48, on *As You Like It*: STEPS steps of 8 x 32
characters, the same batches for every kind. Each kind gets the best of RATES on
validation text.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import data, models, ops, optim, tensor, training
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.foundations.ch02_language import (
    known,
    ngrams,
    rows_of,
    token_losses,
)
from tinyft.course.prose import say, table
from tinyft.course.runs import CHOOSING
from tinyft.models import transformer_cost as cost

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


def stirred(model, rng):
    """The model, with noise on all parameters: no bias is 0 and no gain is 1."""
    for p in model.parameters():
        p.data = p.data + tensor(0.1 * rng.normal(size=p.shape)).data
    return model


def loss_of_pairs():
    """The loss of counting pairs of characters on the test text, nats per character."""
    letters, chars, _, test = text()
    return -np.log(ngrams(chars, len(letters))[1][test]).mean()


# --- the runs in words ----------------------------------------------------------------


def against(final, kind, other, digits=3):
    """The paired difference of two kinds' losses {kind: (seeds,)}, as text."""
    gap = final[kind] - final[other]
    settled = "" if abs(np.mean(gap)) > interval(gap)[1] else " (not settled)"
    return "–" if kind == other else said(gap, digits, sign=True) + settled


def compare(final, rates, pairs):
    """A table of the kinds: rate, loss, and its paired differences from some others."""
    others = "bigram", "none", "alibi", "rotary"
    known_ = final | {"bigram": np.full(len(final["none"]), pairs)}
    head = ["positions", "rate", "held-out loss", *(f"minus {k}" for k in others)]
    rows = [
        [
            k,
            f"{rates[k]:g}",
            said(v, 3),
            *(against(known_, k, other) for other in others),
        ]
        for k, v in final.items()
    ]
    table(head, rows)
    say(
        'Five seeds, paired, ± 95 % (Student\'s t); "not settled": zero lies inside the '
        f"interval. Rates tried: {', '.join(map(str, RATES))}."
    )


def ranking(final):
    """The best kind, and how much worse each of the others is, as text."""
    first, *rest = sorted(final, key=lambda kind: final[kind].mean())
    gaps = ", ".join(f"{against(final, k, first)} ({k})" for k in rest)
    return f"{first} here: the others are worse by {gaps}"


def runs_known(ids, corpus):
    """How many of the short runs of tokens in ids the corpus has, as text."""
    two, three, four = (f"{known(ids, corpus, n):.0%}" for n in (2, 3, 4))
    return (
        f"Of the runs of 2, 3 and 4 tokens in the held-out Bible {two}, {three} and {four} "
        f"occur in the {len(corpus):,} tokens counted."
    )


def about_cache(rounds, one):
    """What races {"kept", "again": seconds} and passes {tokens: seconds} say."""
    slower = [r["again"] / r["kept"] for r in rounds]
    states = sum(range(1, 65))
    return (
        f"Without the cache 1 + 2 + … + 64 = {states:,} states, {states / 64:.1f} times as "
        f"many; in processor time {min(slower):.2f} to {max(slower):.2f} times as much "
        f"({len(rounds)} races): one pass over 64 tokens takes only "
        f"{one[64] / one[1]:.1f} times as long as a pass over one (median of 50), as most "
        "of a short pass is a fixed cost."
    )


def price(name, c):
    """A row: parameters, FLOP, T = 6d, longest text and its cache, of a config."""
    size, kept = cost.parameters(c), cost.cache_bytes(c, c.length, 2) / 1e6
    row = [name, f"{size:,}", f"{6 * size:.1e}", f"{6 * c.dim:,}", f"{c.length:,}"]
    return [*row, f"{kept:,.1f} MB"]


# --- tables of the chapter -------------------------------------------------------------


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
        ["norm", "as in the blocks", shape, _size(gpt.norm)],
        ["head", "E again, transposed (*tied*): a score per id", logits, "0 new"],
        ["softmax, last row", "probability of the next token", f"({c.vocab},)", ""],
    ]


def _size(*parts):
    return f"{sum(part.count() for part in parts):,}"


def _row(step, what, shape, size):
    return [step, what, shape, size + " each"]
