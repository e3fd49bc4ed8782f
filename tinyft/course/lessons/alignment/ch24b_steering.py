"""Chapter 24b: the real task. The shipped GPT finishes a verse; a question is rewarded.

Prompts are the first five tokens of verses in which somebody speaks ("And he said unto
them"), from the text's three parts: the model has been trained on the first alone. An
answer ends at the end of the line, or after MOST tokens. The reward is constructed: 1 if
the answer has a question mark, else 0.
"""

from functools import cache

import numpy as np

from tinyft import data, no_grad, objectives, peft
from tinyft.training.pretrained import load_pretrained

BASE, LAYERS = "gpt_kjv", r"attn\.(q|k|v|o)|mlp\.(up|down)"
OPENING, MOST = 5, 16  # tokens of a prompt, and of the longest answer
EACH = {"valid": 2, "test": 6}  # answers per prompt when measuring


@cache
def tokens():
    """The tokenizer of the base."""
    return load_pretrained(BASE)[1]


@cache
def prompts(part):
    """Openings with " said" in them, ids (N, 5): of train as often as they occur, of
    valid and test once each."""
    found = []
    for verse in data.load_text("kjv", part).split("\n"):
        ids = tokens().encode(verse)
        if len(ids) > OPENING + 3 and " said" in tokens().decode(ids[:OPENING]):
            found.append(ids[:OPENING])
    return np.array(found) if part == "train" else np.unique(found, axis=0)


def reward(text):
    """1 for an answer with a question mark, else 0."""
    return float("?" in text)


def policy(seed):
    """The shipped GPT with a fresh LoRA on all its linear layers; B = 0: it is the base."""
    model = load_pretrained(BASE)[0]
    peft.attach(model, peft.LoRA(r=8, alpha=16), target=LAYERS, rng=seed)
    return model


def answer(model, starts, rng):
    """Sample one answer per row of `starts` (n, 5): rows (n, 5 + 16), mask, texts.

    mask (n, 16): 1 up to and with the line's end. What follows it in a row is filling.
    """
    end = int(tokens().encode("\n")[0])
    rows = model.generate(starts, MOST, rng=rng, stop=end)
    missing = OPENING + MOST - rows.shape[1]
    rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=end)
    mask = objectives.up_to_end(rows[:, OPENING:], end).astype("float32")
    ends = OPENING + mask.sum(1).astype(int)
    texts = [tokens().decode(row[OPENING:stop]) for row, stop in zip(rows, ends)]
    return rows, mask, texts


def log_probs(model, rows, base=False):
    """Log-probabilities (n, 16) without a tape; base: with the adapter switched off."""
    with no_grad():
        if not base:
            return objectives.token_log_probs(model, rows, OPENING)
        with peft.disabled(model):
            return objectives.token_log_probs(model, rows, OPENING)


def measure(model, part, seed=0):
    """{reward, KL, tokens, distinct: means over sampled answers}, and the texts.

    KL(π‖base) of whole answers in nats, by k1. distinct: the share of different words
    among all words sampled: it falls when the answers become alike.
    """
    starts = np.repeat(prompts(part), EACH[part], axis=0)
    rows, mask, texts = answer(model, starts, np.random.default_rng([seed, 99]))
    gap = (log_probs(model, rows) - log_probs(model, rows, base=True)).numpy()
    words = " ".join(texts).split()
    found = {
        "reward": np.mean([reward(text) for text in texts]),
        "KL": (gap * mask).sum(1).mean(),
        "tokens": mask.sum(1).mean(),
        "distinct": len(set(words)) / max(len(words), 1),
    }
    return {k: float(v) for k, v in found.items()}, texts


def shown(part, texts, count=5):
    """Prompt | answer, one line each, of evenly spread prompts."""
    starts = np.repeat(prompts(part), EACH[part], axis=0)
    picks = np.linspace(0, len(starts) - EACH[part], count).astype(int)
    picks -= picks % EACH[part]
    return [f"{tokens().decode(starts[i])} |{texts[i].rstrip()}" for i in picks]
