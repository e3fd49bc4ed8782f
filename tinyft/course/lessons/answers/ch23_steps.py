"""Chapter 23: a long run, looked at every 100 steps: what it learns, what it forgets.

Three ways from the shipped `char_text`: as chapter 23 trains, at a tenth of the rate, and
with a quarter of each batch's rows from the texts that the base has read.
"""

from functools import cache

import numpy as np

from tinyft import data, no_grad
from tinyft.course.experiment import text_parts
from tinyft.course.lessons.answers import ch23_instruction_tuning as lesson
from tinyft.course.lessons.answers.ch23_tables import own_text
from tinyft.course.runs import CHOOSING
from tinyft.training.metrics import on_device
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

STEPS, EVERY, OLD = 1200, 100, 12  # rows of old text among BATCH
LOOKS = tuple(range(0, STEPS + 1, EVERY))
TEXTS = ("bible", "shakespeare")
ALONE, GENTLE, REPLAY = "answers alone", "small rate", "old text"
WAYS = {ALONE: 4e-3, REPLAY: 4e-3, GENTLE: 4e-4}


@cache
def _old_text():
    tokens = load_pretrained(lesson.BASE)[1]
    return np.concatenate([text_parts(name, tokens)["train"] for name in TEXTS])


def with_old_text(tokens, rows=OLD, batch=lesson.BATCH):
    """A function rng -> batches (x, y): `rows` of them windows of what the base has read.

    The windows are as wide as the conversations' batch, and every token is a target.
    """

    def endless(rng):
        for x, y in lesson.batches(tokens, batch=batch - rows)(rng):
            old_x, old_y = data.lm_batch(rng, _old_text(), rows, x.shape[1])
            yield np.concatenate([x, old_x]), np.concatenate([y, old_y])

    return endless


def batches(tokens, way):
    """The batches of one of the WAYS."""
    return with_old_text(tokens) if way == REPLAY else lesson.batches(tokens)


@cache
def _valid():
    return lesson.held_out(load_pretrained(lesson.BASE)[1], "valid")


def look(model, tokens):
    """{"loss": nats per valid answer token, "exact": share of valid, and of each text
    the nats per character} now."""
    with no_grad():
        loss = lm_loss(model, *on_device(model, _valid())).item()
    right = float(lesson.exact(model, *_valid()).mean())
    return {"loss": loss, "exact": right} | own_text(model, tokens)


# --- tinyft study 23 -------------------------------------------------------------------


def plan():
    """Two seeds of the answers alone and of old text; one of the small rate."""
    both = [(way, seed) for seed in CHOOSING for way in (ALONE, REPLAY)]
    return [
        {"way": way, "lr": WAYS[way], "seed": seed}
        for way, seed in [*both, (GENTLE, 0)]
    ]


def run(way, lr, seed, steps=STEPS):
    """{"loss@100", "exact@100", "bible@100", ...: every look; "test": share exact}."""
    model, tokens, _ = load_pretrained(lesson.BASE)
    seen = {}

    def looked(rng):
        for i, batch in enumerate(batches(tokens, way)(rng)):
            if i % EVERY == 0:
                seen.update({f"{k}@{i}": v for k, v in look(model, tokens).items()})
            yield batch

    losses = lesson.train(model, looked, lr, steps, seed)
    last = look(model, tokens)
    seen.update({f"{k}@{steps}": v for k, v in last.items()})
    test = np.mean(list(lesson.by_task(model, tokens).values()))
    scores = {"valid": last["loss"], "test": float(test)}
    return scores | {"train": float(losses[-10:].mean())} | seen
