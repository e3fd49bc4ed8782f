"""Chapter 23: sums of six digits modulo 10, answered at once or with a scratchpad.

    answer      314159 -> 3
    scratchpad  314159 -> 348943      running sums modulo 10; the last is the answer
    filler      314159 -> 000003      as many tokens, but they say nothing

For uniform digits the answer says nothing about any five of them, so a model that misses
one digit can only guess. A running sum needs two tokens: the one before it and a digit.
"""

from functools import cache

import numpy as np

from tinyft import data, models, no_grad, objectives
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.answers.ch23_instruction_tuning import exact, train
from tinyft.course.runs import CHOOSING
from tinyft.training.metrics import on_device
from tinyft.training.recipes import lm_loss

DIGITS, BATCH, HELD_OUT = 6, 48, 300
ANSWER, PAD, FILLER = "answer", "scratchpad", "filler"
TOKENS = 250_000  # of training, for every way
RATES = (2e-3, 4e-3, 8e-3)


def vocabulary():
    """A tokenizer of the ten digits and the template."""
    return data.CharTokenizer("0123456789", ("[PAD]", *objectives.Template().specials))


def worked(digits, way):
    """The assistant's text for a string of digits."""
    sums = np.cumsum([int(d) for d in digits]) % 10
    if way == FILLER:
        return "0" * (len(digits) - 1) + str(sums[-1])
    return "".join(map(str, sums if way == PAD else sums[-1:]))


def answer_of(text):
    """The last digit of a text, or None where there is none."""
    return text[-1] if text and text[-1].isdigit() else None


def problem(digits, way):
    """A conversation: the digits, and the assistant's text."""
    return [
        {"role": "user", "content": digits},
        {"role": "assistant", "content": worked(digits, way)},
    ]


def draw(rng, count):
    """`count` strings of random digits."""
    return ["".join(row) for row in rng.integers(0, 10, (count, DIGITS)).astype(str)]


def held_out_digits(split):
    """The strings for validation or for testing; training leaves them out."""
    both = np.unique(draw(np.random.default_rng([1, 23]), 3 * HELD_OUT))[: 2 * HELD_OUT]
    both = np.random.default_rng([2, 23]).permutation(both)
    return both[:HELD_OUT] if split == "valid" else both[HELD_OUT:]


@cache
def _hidden():
    return {*held_out_digits("valid"), *held_out_digits("test")}


def batches(tokens, way, batch=BATCH):
    """A function rng -> endless batches (x, y); no held-out string is among them."""

    def endless(rng):
        while True:
            drawn = [d for d in draw(rng, batch + 8) if d not in _hidden()][:batch]
            yield objectives.chat_batch(tokens, [problem(d, way) for d in drawn])

    return endless


def small_model(tokens, seed):
    """GPT's shape with rotary positions, 2 layers of width 64.

    The matrices of its blocks are drawn 6 times as large as GPT-2's 0.02: 1/√64 or so.
    """
    shape = {"vocab": len(tokens), "dim": 64, "layers": 2, "positions": "rotary"}
    model = models.gpt2_tiny(np.random.default_rng(seed), **shape)
    for p in model.blocks.parameters():
        if p.ndim > 1:
            p.data *= 6.0
    return model


def held_out(tokens, way, split):
    """The held-out problems as one batch (x, y)."""
    asked = [problem(d, way) for d in held_out_digits(split)]
    return objectives.chat_batch(tokens, asked)


def steps_of(way):
    """Training steps that see TOKENS tokens."""
    width = objectives.chat_batch(vocabulary(), [problem("0" * DIGITS, way)])[0].size
    return TOKENS // (BATCH * width)


# --- tinyft study 23 -------------------------------------------------------------------


def plan():
    """The scratchpad at three rates for two seeds; answers alone at two, every seed.

    The filler at the scratchpad's best rate, every seed.
    """
    padded = [{"way": PAD, "lr": lr, "seed": s} for s in CHOOSING for lr in RATES]
    return padded + [
        {"way": way, "lr": lr, "seed": s}
        for way, rates in ((ANSWER, RATES[:2]), (FILLER, RATES[1:2]))
        for s in SEEDS
        for lr in rates
    ]


def trained(way, lr, seed):
    """(model, tokens, losses) of a model trained from nothing in one of the ways."""
    tokens = vocabulary()
    model = small_model(tokens, seed)
    losses = train(model, batches(tokens, way), lr, steps_of(way), seed)
    return model, tokens, losses


def run(way, lr, seed):
    """Train from nothing; {"valid": nats per target, "test": share of right answers}."""
    model, tokens, losses = trained(way, lr, seed)
    with no_grad():
        x, y = on_device(model, held_out(tokens, way, "valid"))
        valid = lm_loss(model, x, y).item()
    right = exact(model, *held_out(tokens, way, "test"))
    scores = {"valid": valid, "test": float(right.mean())}
    return scores | {"train": float(losses[-10:].mean())}
