"""What chapters on text measure: losses of single tokens, n-gram baselines, attention.

    loss of a token     −log q(token | the tokens before it), in nats
    unigram             p_i = (n_i + 1) / (N + V)
    bigram              p_ij = (n_ij + k p_j) / (n_i + k), k imaginary pairs after each i

The means of the last two on held-out text are what a language model has to beat.
"""

import re

import numpy as np

from tinyft import no_grad


def rows_of(ids, length):
    """Consecutive rows of length + 1 tokens: inputs and targets, each (n, length)."""
    rows = ids[: len(ids) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    return rows[:, :-1], rows[:, 1:]


def token_losses(model, x, y, batch=32):
    """−log q of every target, (n, T) float64; x, y (n, T) host arrays of token ids."""
    parts = [x[i : i + batch] for i in range(0, len(x), batch)]
    with no_grad():
        z = np.concatenate([model(part).numpy() for part in parts]).astype(np.float64)
    right = np.take_along_axis(z, y[..., None], axis=-1)[..., 0]
    return np.logaddexp.reduce(z, axis=-1) - right


def ngrams(ids, vocab, pairs=5):
    """(unigram (V,), bigram (V, V)) of the token ids (N,), smoothed so that none is 0."""
    p = (np.bincount(ids, minlength=vocab) + 1) / (len(ids) + vocab)
    counts = np.zeros((vocab, vocab))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return p, (counts + pairs * p) / (counts.sum(axis=1, keepdims=True) + pairs)


def known(ids, corpus, n):
    """The share of the runs of n tokens in ids that occur in corpus as well."""
    runs, seen = (np.lib.stride_tricks.sliding_window_view(a, n) for a in (ids, corpus))
    seen = set(map(tuple, seen.tolist()))
    return float(np.mean([tuple(run) in seen for run in runs.tolist()]))


def invented(texts, corpus):
    """The share of words in each text that corpus does not have: (len(texts),).

    A word is a run of letters in any case; the last, which may be cut off, is left out.
    """
    seen = set(_words(corpus))
    return np.array([np.mean([w not in seen for w in _words(t)[:-1]]) for t in texts])


def _words(text):
    return re.findall("[a-z]+", text.lower())


def stretches(values, count=10):
    """Means of `count` consecutive stretches of values, along the first axis: (count,)."""
    return np.array([part.mean() for part in np.array_split(values, count)])


def attention_maps(model, ids):
    """The weights of every head of a Transformer on ids (B, T): (B, layers, heads, T, T).

    Switches `record` on in each attention layer for one call, and off again.
    """
    layers = [block.attn for block in model.blocks]
    try:
        for layer in layers:
            layer.record = True
        with no_grad():
            model(ids)
        return np.stack([layer.recorded for layer in layers], axis=1)
    finally:
        for layer in layers:
            layer.record, layer.recorded = False, None


def losses_by_context(model, ids, ends, contexts):
    """{k: −log q of the token after each end, from the k tokens up to it alone}.

    ids (N,) a text; ends (n,) places in it; contexts: several k, at most the model's
    length. All k predict the same n tokens, so their losses are paired.
    """
    found = {}
    for k in contexts:
        window = ends[:, None] - np.arange(k)[::-1]
        found[k] = token_losses(model, ids[window], ids[window + 1])[:, -1]
    return found


def last_logits(model, ids, cached):
    """The logits after 1, 2, ... T tokens of ids (T,), (T, vocab), one step at a time.

    cached: keys and values are kept, and each step passes one token; without it each
    step passes the whole text so far.
    """
    with no_grad():
        if not cached:
            rows = [model(ids[None, : t + 1]).numpy()[0, -1] for t in range(len(ids))]
            return np.array(rows)
        cache = model.new_cache()
        steps = [model(ids[None, [t]], cache=cache).numpy() for t in range(len(ids))]
        return np.concatenate(steps, axis=1)[0]
