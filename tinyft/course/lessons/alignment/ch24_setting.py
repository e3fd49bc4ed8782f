"""Chapter 24: a constructed taste, texts of the shipped GPT, and noisy comparisons.

    taste      −(c − 3)², c the number of th-words in a text: three are best
    pool       1,024 texts: their comparisons are what is learned from
    valid      512 texts: 400 comparisons, which choose rates
    test       the rest: best-of-n and all scores

A reader compares two texts and prefers the first with probability σ(0.6 · difference of
their tastes), so some comparisons are wrong. The reader is constructed; the texts are the
model's own, 24 tokens each, sampled at temperature 1, so that KL is that of sampling.
"""

import re
from functools import cache
from typing import NamedTuple

import numpy as np

from tinyft import data, no_grad, objectives, peft, tensor
from tinyft.training.pretrained import load_pretrained

BASE, LENGTH, TEXTS, POOL, VALID = "gpt_text", 24, 4096, 1024, 512
TH = frozenset("the thou thee thy that they them then there this".split())
WANTED, SURE, ROWS = 3, 0.6, 512
LORA, TARGET = {"r": 8, "alpha": 16}, r"attn\.(q|k|v|o)|mlp\.(up|down)"


class Pairs(NamedTuple):
    """Rows of the preferred texts and of the others, (n,) each."""

    chosen: np.ndarray
    rejected: np.ndarray


@cache
def tokens():
    """The tokenizer of the chapter's GPT."""
    return load_pretrained(BASE)[1]


def gpt():
    """A fresh copy of the chapter's GPT, in evaluation mode."""
    return load_pretrained(BASE)[0].eval()


def texts(ids):
    """Token ids (n, 24) as texts."""
    return [tokens().decode(row) for row in ids]


def th_words(ids):
    """How many th-words each text has, (n,)."""
    found = (re.findall(r"[a-z]+", text.lower()) for text in texts(ids))
    return np.array([sum(word in TH for word in words) for words in found])


def taste(ids):
    """The reader's score of texts (n,): 0 at best, negative otherwise."""
    return 0.0 - (th_words(ids) - WANTED) ** 2.0


@cache
def known():
    """Every word of the two texts that the GPT was trained on, in small letters."""
    every = (data.load_text(name, "train") for name in ("shakespeare", "bible"))
    return {word for text in every for word in re.findall(r"[a-z]+", text.lower())}


def real_words(ids):
    """The share of words in texts that are words; each text's first and last one, which
    may be cut off, do not count."""
    parts = [re.findall(r"[a-z]+", text.lower())[1:-1] for text in texts(ids)]
    return float(np.mean([word in known() for words in parts for word in words]))


def sample(model, count, seed):
    """`count` continuations of a line end, ids (count, 24), 512 rows at a time."""
    prompt, parts = tokens().encode("\n"), []
    for start in range(0, count, ROWS):
        rows = np.tile(prompt, (min(ROWS, count - start), 1))
        rng = np.random.default_rng([seed, start])
        parts.append(model.generate(rows, LENGTH, rng=rng)[:, len(prompt) :])
    return np.concatenate(parts)


@cache
def drawn(seed=0, count=TEXTS):
    """Texts of the untouched GPT, ids (count, 24)."""
    return sample(gpt(), count, 100 + seed)


def parts(ids):
    """{"pool", "valid", "test": ids} of `drawn`."""
    cut = np.split(ids, [POOL, POOL + VALID])
    return dict(zip(("pool", "valid", "test"), cut))


def compare(ids, count, seed, sure=SURE):
    """`count` comparisons of random texts by the constructed reader: Pairs of rows."""
    rng = np.random.default_rng([seed, count])
    a = rng.integers(0, len(ids), count)
    b = (a + rng.integers(1, len(ids), count)) % len(ids)  # never a text with itself
    score = taste(ids)
    first = rng.random(count) < 0.5 + 0.5 * np.tanh(sure * (score[a] - score[b]) / 2)
    return Pairs(np.where(first, a, b), np.where(first, b, a))


def counts(ids, vocab=None):
    """How often each token occurs in each text, (n, V) float64."""
    out = np.zeros((len(ids), vocab or len(tokens())))
    np.add.at(out, (np.arange(len(ids))[:, None], ids), 1)
    return out


def token_pairs(ids, pairs):
    """The pairs as (prompt, chosen, rejected) lists of ids, for `pair_batch`; two texts
    that happen to be equal are left out."""
    prompt = tokens().encode("\n").tolist()
    both = zip(ids[pairs.chosen].tolist(), ids[pairs.rejected].tolist())
    return [(prompt, w, l) for w, l in both if w != l]


def pair_logps(model, pairs, mean=False, rows=100):
    """log π of all chosen and rejected answers, (2, n), without a tape."""
    parts = []
    with no_grad():
        for start in range(0, len(pairs), rows):
            x, y = objectives.pair_batch(pairs[start : start + rows])
            logps = objectives.answer_logps(model, tensor(x), tensor(y), mean)
            parts.append(logps.numpy().reshape(2, -1))
    return np.concatenate(parts, axis=1)


def text_logps(model, ids):
    """log π of whole texts after a line end, (n,)."""
    prompt = np.tile(tokens().encode("\n"), (len(ids), 1))
    rows, learn = np.concatenate([prompt, ids], axis=1), prompt.shape[1]
    y = rows[:, 1:].copy()
    y[:, : learn - 1] = -100
    with no_grad():
        return objectives.answer_logps(model, tensor(rows[:, :-1]), tensor(y)).numpy()


def kl(model, ids):
    """Mean of log π/π_ref over the model's own samples: an unbiased estimate of KL(π |
    π_ref) in nats per text. The reference is the model without its adapter."""
    now = text_logps(model, ids)
    with peft.disabled(model):
        return float(np.mean(now - text_logps(model, ids)))
