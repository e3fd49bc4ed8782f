"""Chapter 21: does continued pretraining help a task? Six topics of Python's help.

An excerpt of 64 tokens comes from one of six long topics; which one? Paragraphs that the
help has twice are left out. Of every twelve excerpts in a row six train, three validate,
three test; the encoder is bert_text, read as the mean of its last states.
    DAPT   hidden tokens of those excerpts and of all the help's other topics
    TAPT   hidden tokens of the task's own training excerpts, without their labels
"""

import re
from collections import Counter
from functools import cache

import numpy as np

from tinyft import data, nn, no_grad, ops, peft, tensor
from tinyft.course.experiment import SEEDS, train
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import (
    EVERYWHERE,
    GOOD,
    LENGTH,
    ROWS,
    STEPS,
    base,
    fresh,
)
from tinyft.course.runs import CHOOSING
from tinyft.models.sentence import mean_tokens
from tinyft.objectives.language import lm_loss, masked, replay

TOPICS = {
    "compound statements": "Compound statements",
    "debugger": '"pdb" — The Python Debugger',
    "format strings": "Format String Syntax",
    "special methods": "Special method names",
    "string methods": "String Methods",
    "types": "The standard type hierarchy",
}
WIDTH, PER_CLASS, CLF_STEPS, CLF_ROWS = 64, 20, 40, 12
FIRST = ("nothing", "TAPT", "DAPT")
RATES = {"full": (5e-4, 1e-3, 2e-3, 4e-3), "LoRA": (5e-3, 1e-2, 2e-2)}
SAME_RATE = 2e-3


def topics():
    """{heading: text} of the training part of the help, repeated paragraphs left out."""
    lines = data.load_text("pydoc", "train").split("\n")
    tops = [i - 1 for i, line in enumerate(lines) if re.fullmatch(r"\*{3,}", line)]
    found = {}
    for i, j in zip(tops, [*tops[1:], len(lines)]):
        found[lines[i]] = "\n".join(lines[i + 2 : j])
    every = data.load_text("pydoc", "all").split("\n\n")
    often = Counter(p.strip() for p in every)
    return {
        head: "\n\n".join(p for p in body.split("\n\n") if often[p.strip()] == 1)
        for head, body in found.items()
    }


@cache
def excerpts():
    """{"train", "valid", "test": (ids (N, WIDTH), labels (N,))}."""
    tokens, parts = base("bert_text")[1], {"train": [], "valid": [], "test": []}
    for head in TOPICS.values():
        ids = tokens.encode(topics()[head])
        rows = ids[: len(ids) // WIDTH * WIDTH].reshape(-1, WIDTH)
        place = np.arange(len(rows)) % 12 // 3
        for name, mine in zip(parts, (place < 2, place == 2, place == 3)):
            parts[name].append(rows[mine])
    return {
        name: (np.concatenate(rows), np.repeat(np.arange(6), list(map(len, rows))))
        for name, rows in parts.items()
    }


class Topic(nn.Module):
    """Scores of the six topics: a linear layer on the mean of an encoder's states."""

    def __init__(self, encoder, rng=None):
        self.encoder = encoder
        self.top = nn.Linear(encoder.config.dim, len(TOPICS), rng=rng)

    def forward(self, ids):
        return self.top(mean_tokens(self.encoder.states(ids)))


def topic_loss(model, x, y):
    """Cross-entropy of the six topics, in nats."""
    return ops.cross_entropy(model(x), y)


@cache
def corpus(what):
    """Token ids for the continued pretraining: of "TAPT" or of "DAPT"."""
    tokens, task = base("bert_text")[1], excerpts()["train"][0].ravel()
    if what == "TAPT":
        return task
    rest = (text for head, text in topics().items() if head not in TOPICS.values())
    return np.concatenate([task, tokens.encode("\n\n".join(rest))])


@cache
def continued_state(what, seed):
    """The weights of bert_text after 40 steps on a corpus, host arrays."""
    model, tokens = fresh("bert_text")
    if what != "nothing":
        draw = masked(corpus(what), tokens, LENGTH, first=tokens.cls_id)
        train(model, replay(draw, None, 0, ROWS), GOOD["MLM"], STEPS, seed)
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}


def few(seed):
    """Batches (rng -> endless) of PER_CLASS labelled excerpts of each topic."""
    x, y = data.few_shot(
        np.random.default_rng(seed), *excerpts()["train"], per_class=PER_CLASS
    )

    def batches(rng):
        while True:
            at = rng.integers(0, len(x), CLF_ROWS)
            yield x[at], y[at]

    return batches


def accuracy(model, part):
    """The share of a part's excerpts whose topic is found."""
    x, y = excerpts()[part]
    with no_grad(), model.evaluating():
        found = [model(tensor(x[i : i + 64])).numpy() for i in range(0, len(x), 64)]
    return float((np.concatenate(found).argmax(axis=1) == y).mean())


def words_only(seed, per_class=PER_CLASS):
    """Test accuracy of naive Bayes on token counts (+0.3), with the same labels."""
    x, y = data.few_shot(
        np.random.default_rng(seed), *excerpts()["train"], per_class=per_class
    )
    counts = np.full((len(TOPICS), len(base("bert_text")[1])), 0.3)
    np.add.at(counts, (y[:, None], x), 1)
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    x, y = excerpts()["test"]
    return float((logs[:, x].sum(axis=2).argmax(axis=0) == y).mean())


# --- tinyft study 21 -------------------------------------------------------------------


def plan():
    """What comes before the task, times how the task is trained."""
    runs = [_one(what, "full", lr) for what in FIRST for lr in RATES["full"]]
    runs += [_one(what, "LoRA", lr) for what in FIRST[::2] for lr in RATES["LoRA"]]
    chosen = [one | {"seed": seed} for seed in CHOOSING for one in runs]
    same = [_one(what, "full", SAME_RATE) for what in FIRST]  # and all at one rate
    chosen += [one | {"seed": seed} for seed in SEEDS[2:] for one in same]
    before = [_one(what, "hidden", GOOD["MLM"]) for what in FIRST]
    return chosen + [one | {"seed": seed} for seed in SEEDS for one in before]


def _one(first, method, lr):
    return {"experiment": "task", "first": first, "method": method, "lr": lr}


def run(lr, seed, first, method, **_):
    """Fine-tune on 120 labelled excerpts: {"valid": error, "test": accuracy}.

    method "hidden": no labels yet; the loss of hidden tokens of the excerpts, in nats.
    """
    if method == "hidden":
        return hidden_losses(first, seed)
    model = classifier(first, seed, method)
    train(model, few(seed), lr, CLF_STEPS, seed, topic_loss)
    return {"valid": 1 - accuracy(model, "valid"), "test": accuracy(model, "test")}


def hidden_losses(first, seed):
    """{"valid", "test": nats per hidden token}, the same hidden tokens for every model."""
    model, tokens = fresh("bert_text")
    model.load_state_dict(continued_state(first, seed))
    losses = {}
    for part in ("valid", "test"):
        rows = excerpts()[part][0]
        x, y = data.mask_tokens(
            rows,
            np.random.default_rng(21),
            tokens.mask_id,
            len(tokens),
            never=tuple(tokens.specials.values()),
        )
        with no_grad(), model.evaluating():
            losses[part] = lm_loss(model, tensor(x), tensor(y)).item()
    return losses


def classifier(first, seed, method="full"):
    """A Topic on the encoder that `first` has left, all of it or LoRA (r = 8) training."""
    encoder = fresh("bert_text")[0]
    encoder.load_state_dict(continued_state(first, seed))
    model = Topic(encoder, seed)
    if method == "LoRA":
        peft.attach(
            model, peft.LoRA(8, 16), rf"encoder\.blocks\..*({EVERYWHERE})", rng=seed
        )
        model.top.requires_grad_(True)
    return model
