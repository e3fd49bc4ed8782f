"""Chapter 20: a verse against itself with two neighbouring words exchanged."""

import re

import numpy as np

from tinyft import no_grad, ops, tensor
from tinyft.course.lessons.language.ch20_setting import parts
from tinyft.training.pretrained import load_pretrained


def pairs(count=200, seed=0):
    """(real, exchanged): verses of 8 to 22 words of books the GPT was not trained on.

    Only neighbours of lower-case letters alone are exchanged, and different ones: a
    capital or a comma in the wrong place would give the answer away.
    """
    rng, real, wrong = np.random.default_rng(seed), [], []
    texts = parts("poetry")["test"].texts
    for text in rng.permutation(
        np.concatenate([texts, parts("poetry")["valid"].texts])
    ):
        words = str(text).split()
        able = [
            i
            for i in range(len(words) - 1)
            if all(re.fullmatch("[a-z]+", w) for w in words[i : i + 2])
            and words[i] != words[i + 1]
        ]
        if 8 <= len(words) <= 22 and able and len(real) < count:
            i = int(rng.choice(able))
            mixed = [*words[:i], words[i + 1], words[i], *words[i + 2 :]]
            real.append(" ".join(words))
            wrong.append(" ".join(mixed))
    return np.array(real), np.array(wrong)


def log_likelihoods(texts, base="gpt_text"):
    """ln p of each text, summed over its tokens, by a language model as shipped: (n,)."""
    model, tok, _ = load_pretrained(base)
    start, found = tok.encode("\n"), []
    for text in texts:
        ids = np.concatenate([start, tok.encode(str(text)), start])[None, :129]
        with no_grad(), model.evaluating():
            lost = ops.cross_entropy(model(tensor(ids[:, :-1]))[0], ids[0, 1:])
        found.append(-lost.item() * (ids.shape[1] - 1))
    return np.array(found)


def share_interval(hits):
    """(share, half of its 95 % interval) of independent hits and misses, 0/1 (n,)."""
    share = float(np.mean(hits))
    return share, 1.96 * (share * (1 - share) / len(hits)) ** 0.5
