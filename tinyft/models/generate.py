"""Sampling from a language model, token by token, with a key-value cache.

p = softmax(logits / temperature), restricted to the k most likely tokens (top-k, Fan et
al. 2018) and to the smallest set whose probability reaches p (top-p, Holtzman et al.
2020).
"""

from tinyft import backend
from tinyft.autograd.mode import no_grad
from tinyft.autograd.tensor import Tensor


def generate(
    model,
    ids,
    count,
    temperature=1.0,
    top_k=None,
    top_p=None,
    greedy=False,
    rng=None,
    cache=True,
    stop=None,
):
    """Return `ids` (B, T) and `count` new tokens, a host array (B, T + count).

    greedy: the most likely token each time; otherwise sampled with `rng` (required).
    cache=False recomputes the whole text at each step: the same tokens, slower.
    stop: a token id; a row that has produced it is filled with it, and generation ends
    when all rows have. Raises ValueError for impossible options, FloatingPointError for
    logits that are NaN.
    """
    xp = backend.host()
    out = backend.asnumpy(getattr(ids, "_data", ids))
    out = out[None] if out.ndim == 1 else out
    _check(out, count, temperature, top_k, top_p, greedy, rng)
    kept = model.new_cache() if cache else None
    ended, seen = xp.zeros(len(out), dtype=bool), 0
    with no_grad(), model.evaluating():
        for _ in range(count):
            logits = model(_on_device(model, out[:, seen:]), cache=kept)[:, -1]
            seen = out.shape[1] if cache else 0
            scores = logits.numpy().astype("float64")
            new = _choose(scores, temperature, top_k, top_p, greedy, rng)
            if stop is not None:
                new = xp.where(ended, stop, new)
                ended = new == stop
            out = xp.concatenate([out, new[:, None]], axis=1)
            if ended.all():
                break
    return out


def _on_device(model, ids):
    device = next(model.parameters()).device
    return Tensor._of(backend.to(ids, device), None)


def _choose(scores, temperature, top_k, top_p, greedy, rng):
    """One token for each row of scores (B, V), float64 on the host."""
    if (scores != scores).any():
        raise FloatingPointError(
            "generate: the model's logits are NaN; look for a diverged training run, "
            "or run the model once inside tinyft.detect_anomaly()"
        )
    if greedy:
        return scores.argmax(axis=-1)
    p = probabilities(scores, temperature, top_k, top_p)
    total = p.cumsum(axis=-1)
    draws = rng.random(len(p))[:, None] * total[:, -1:]
    return (total <= draws).sum(axis=-1)


def probabilities(scores, temperature=1.0, top_k=None, top_p=None):
    """The distribution that is sampled from: rows of p (B, V) that sum to 1."""
    xp = backend.host()
    scores = scores / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        bound = xp.sort(scores, axis=-1)[:, -top_k][:, None]
        scores = xp.where(scores < bound, -xp.inf, scores)
    p = xp.exp(scores - scores.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    if top_p is not None and top_p < 1:
        order = xp.argsort(-p, axis=-1, kind="stable")
        ordered = xp.take_along_axis(p, order, axis=-1)
        before = ordered.cumsum(axis=-1) - ordered  # probability of the likelier ones
        keep = xp.zeros(p.shape, dtype=bool)
        xp.put_along_axis(keep, order, before < top_p, axis=-1)
        p = xp.where(keep, p, 0.0)
        p = p / p.sum(axis=-1, keepdims=True)
    return p


def _check(ids, count, temperature, top_k, top_p, greedy, rng):
    if 0 in ids.shape or ids.ndim != 2:
        raise ValueError(
            f"generate: the prompt must be token ids (B, T) or (T,), not empty; its "
            f"shape is {ids.shape}"
        )
    if count < 0:
        raise ValueError(f"generate: count must not be negative, got {count}")
    if not greedy and temperature <= 0:
        raise ValueError(
            f"generate: temperature must be positive, got {temperature}; use "
            "greedy=True for the most likely token"
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"generate: top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: top_p must be in (0, 1], got {top_p}")
    if not greedy and rng is None:
        raise ValueError(
            "generate: sampling needs rng=numpy.random.default_rng(seed), or "
            "greedy=True"
        )
