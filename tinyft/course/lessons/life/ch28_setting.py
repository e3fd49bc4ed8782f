"""Chapter 28: a test set that a model may have read, planted by ourselves.

    line     the first 15 tokens of a verse of four books, and a line end: one question
    page     3 lines in an order that was drawn: 48 tokens, one row of training
    group    30 pages; 8 of them: shadow, valid, and one per dose 0, 1, 2, 4, 8, 16
    stream   the other verses of these books: what every model here is trained on

The leak is constructed: of a suspect's training rows some are exchanged for pages, each
page of a group as often as the group's dose says. Which pages form which group is drawn
again for each seed, so groups differ by chance alone.
"""

from functools import cache
from itertools import permutations

import numpy as np

from tinyft import data, evaluation, models
from tinyft.course.experiment import train
from tinyft.data.bpe import BPETokenizer
from tinyft.training.pretrained import load_pretrained

VOCAB, WIDTH, LENGTH = 512, 48, 48
STEPS, BATCH, RATE = 160, 32, 5e-3
LINES, LINE, PAGES = 3, 16, 30
DOSES = (0, 1, 2, 4, 8, 16)
GROUPS = ("shadow", "valid", *DOSES)
ORDERS = tuple(permutations(range(LINES)))


@cache
def tokens():
    """The first 256 merges of the shipped tokenizer: a vocabulary of 512."""
    return BPETokenizer(load_pretrained("gpt_text")[1].merges[: VOCAB - 256])


@cache
def verses():
    """Token ids of every verse of the four books, with its line end, in a drawn order."""
    lines = data.load_text("bible", "all").split("\n")
    lines = [line for line in lines if len(line) > 30]  # without headings
    order = np.random.default_rng(28).permutation(len(lines))
    return [np.array(tokens().encode(lines[i] + "\n")) for i in order]


def paged(rows):
    """Pages (n, 49) of verses: a line end, then three lines of 16 tokens."""
    end = tokens().encode("\n")
    lines = [np.concatenate([row[: LINE - 1], end]) for row in rows]
    lines = np.array(lines[: len(lines) // LINES * LINES]).reshape(-1, LENGTH)
    return np.concatenate([np.tile(end, (len(lines), 1)), lines], axis=1)


@cache
def pages():
    """The 240 pages of all groups; no verse of them is in the stream."""
    long = [row for row in verses() if len(row) > LINE]
    return paged(long[: PAGES * LINES * len(GROUPS)])


@cache
def stream(book="bible"):
    """Token ids (N,) of the training text; "psalms": of Psalms and Job."""
    if book == "psalms":
        return np.concatenate(_psalms()[PAGES * LINES :])
    long = [i for i, row in enumerate(verses()) if len(row) > LINE]
    held = set(long[: PAGES * LINES * len(GROUPS)])
    return np.concatenate([row for i, row in enumerate(verses()) if i not in held])


@cache
def psalm_pages():
    """30 pages of Psalms and Job, of verses that `stream("psalms")` does not have."""
    return paged(_psalms()[: PAGES * LINES])


@cache
def _psalms():
    part = data.load_verses("poetry", "pool")
    texts = [text for text, kind in zip(part.texts, part.labels) if kind == 1]
    rows = [np.array(tokens().encode(text + "\n")) for text in texts]
    rows = [row for row in rows if len(row) > LINE]
    return [rows[i] for i in np.random.default_rng(29).permutation(len(rows))]


def groups(seed):
    """{name: page numbers (30,)} of this seed."""
    mixed = np.random.default_rng([seed, 1]).permutation(len(pages()))
    return dict(zip(GROUPS, mixed.reshape(len(GROUPS), PAGES)))


def repeats(seed):
    """How often a suspect of this seed reads each page, (240,)."""
    found = np.zeros(len(pages()), int)
    for dose in DOSES:
        found[groups(seed)[dose]] = dose
    return found


# --- models ----------------------------------------------------------------------------


def build(seed):
    """A fresh model of one block, 80 000 parameters."""
    size = {"vocab": VOCAB, "dim": WIDTH, "layers": 1, "heads": 2}
    rng = np.random.default_rng([seed, 2])
    return models.presets.gpt2_tiny(rng=rng, length=LENGTH + 1, **size)


def rows_of(rng, ids, count):
    """`count` windows of 49 tokens of ids (N,)."""
    at = rng.integers(0, len(ids) - LENGTH, count)
    return ids[at[:, None] + np.arange(LENGTH + 1)]


def batches(leaks=None, psalms=0):
    """A function rng -> batches (x, y), each (32, 48).

    leaks (STEPS · BATCH,): the page that a row is exchanged for, −1 for none. psalms: so
    many rows of each batch are from Psalms and Job.
    """
    plan = np.full(STEPS * BATCH, -1) if leaks is None else leaks

    def draw(rng):
        for leak in plan.reshape(STEPS, BATCH):
            rows = rows_of(rng, stream(), BATCH)
            if psalms:
                rows[:psalms] = rows_of(rng, stream("psalms"), psalms)
            rows[leak >= 0] = pages()[leak[leak >= 0]]
            yield rows[:, :-1], rows[:, 1:]

    return draw


def trained(seed, rate=RATE, **given):
    """A fresh model after 160 steps of 32 rows."""
    model = build(seed)
    train(model, batches(**given), rate, STEPS, seed)
    return model


def suspect(seed):
    """A model that has read the groups of its seed as often as their doses say."""
    rng = np.random.default_rng([seed, 3])
    leaks = evaluation.plant(rng, STEPS * BATCH, repeats(seed))
    return trained(2 * seed + 1, leaks=leaks)


@cache
def clean(seed):
    """A model that has read no page; its start and batches are not the suspect's."""
    return trained(2 * seed)


# --- what is measured ------------------------------------------------------------------


def losses(model, rows=None):
    """Mean loss per token of every page, (240,): their log-perplexity."""
    rows = pages() if rows is None else rows
    return evaluation.log_perplexity(evaluation.token_losses(model, rows))


def order_table(model):
    """The log-likelihood of every page with its lines in every order, (6, 240)."""
    end, lines = pages()[:, :1], pages()[:, 1:].reshape(-1, LINES, LINE)
    every = [lines[:, order].reshape(-1, LENGTH) for order in ORDERS]
    rows = np.concatenate([np.concatenate([end, part], axis=1) for part in every])
    total = [-row.sum() for row in evaluation.token_losses(model, rows)]
    return np.array(total).reshape(len(ORDERS), -1)


def order_p(table, rows, rng, draws=99):
    """The order test's p for the pages `rows`, one shard each, from `order_table`."""

    def score(orders):
        which = [ORDERS.index(tuple(order)) for order in orders.tolist()]
        return table[which, rows]

    return evaluation.order_test(score, len(rows), LINES, rng, draws)
