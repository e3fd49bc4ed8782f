"""Rows of the texts that no training has seen, for language models: host arrays."""

import numpy as np

from tinyft.data.batches import IGNORE
from tinyft.data.masking import mlm_batch
from tinyft.data.text import load_text


def held_out_ids(tokenizer, name):
    """The tokens of a text's parts for validation and testing, (N,)."""
    return tokenizer.encode(load_text(name, "valid") + load_text(name, "test"))


def next_tokens(tokenizer, name, length):
    """[(x, y)]: the held-out text in consecutive rows of `length`, 32 per batch."""
    ids = held_out_ids(tokenizer, name)
    count = len(ids) // (length + 1)
    rows = ids[: count * (length + 1)].reshape(count, -1)
    parts = [rows[i : i + 32] for i in range(0, count, 32)]
    return [(part[:, :-1], part[:, 1:]) for part in parts]


def masked_tokens(tokenizer, name, length, seed):
    """[(x, y)]: 256 windows of the held-out text, masked with a seed of their own."""
    rng, ids = np.random.default_rng(seed), held_out_ids(tokenizer, name)
    return [masked_rows(rng, tokenizer, ids, 16, length) for _ in range(16)]


def masked_rows(rng, tokenizer, ids, batch, length):
    """`mlm_batch` with [CLS] in front of every row."""
    mask, vocab = tokenizer.mask_id, len(tokenizer)
    x, y = mlm_batch(rng, ids, batch, length, mask, vocab)
    x[:, 0], y[:, 0] = tokenizer.cls_id, IGNORE
    return x, y
