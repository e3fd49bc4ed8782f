"""Sampling from a language model, token by token, with a key-value cache.

p = softmax(logits / temperature), restricted to the k most likely tokens (top-k, Fan et
al. 2018) and to the smallest set whose probability reaches p (top-p, Holtzman et al.
2020).
"""

import inspect

from tinyft import backend
from tinyft.autograd.mode import no_grad
from tinyft.autograd.tensor import Tensor
from tinyft.nn.init import generator
from tinyft.nn.module import Module


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
    mask=None,
):
    """Return `ids` (B, T) and `count` new tokens, a host array (B, T + count).

    greedy: the most likely token each time; otherwise sampled with `rng` (required), a
    numpy.random.Generator or an integer seed.
    cache=False recomputes the whole text at each step: the same tokens, slower.
    stop: a token id; a row that has produced it is filled with it, and generation ends
    when all rows have.
    mask: (B, T), False for the padding on the left of shorter prompts; each row then
    continues as it would alone. Raises ValueError for impossible options,
    FloatingPointError for logits that are NaN or leave no token to choose.
    """
    ids = _prompt(ids)
    _check_model(model, ids.shape[1], count, stop)
    _check(count, temperature, top_k, top_p, greedy, rng)
    options = (temperature, top_k, top_p, greedy, None if greedy else generator(rng))
    kept = model.new_cache() if cache else None
    with no_grad(), model.evaluating():
        return _continue(model, ids, _real(mask, ids), count, kept, stop, options)


def _continue(model, out, real, count, cache, stop, options):
    """The loop of `generate`: host arrays out (B, T) and real (B, T) or None."""
    xp, ended, seen, last = backend.host(), False, 0, _last_alone(model)
    for _ in range(count):
        masked = last if real is None else {"mask": _on_device(model, real), **last}
        logits = model(_on_device(model, out[:, seen:]), cache=cache, **masked)[:, -1]
        seen = 0 if cache is None else out.shape[1]
        new = _choose(logits.numpy().astype("float64"), *options)
        if stop is not None:
            new = xp.where(ended, stop, new)
            ended = new == stop
        out = xp.concatenate([out, new[:, None]], axis=1)
        if real is not None:
            real = xp.concatenate([real, xp.ones((len(real), 1), bool)], axis=1)
        if xp.all(ended):
            break
    return out


def _last_alone(model):
    """The option that spares the head all positions but the last, if there is one.

    A delta on the whole model sees the result at every position.
    """
    plain = isinstance(model, Module) and not model.deltas()
    known = plain and "last" in inspect.signature(model.forward).parameters
    return {"last": True} if known else {}


def _on_device(model, array):
    device = next(model.parameters()).device
    return Tensor._of(backend.to(array, device), None)


def _choose(scores, temperature, top_k, top_p, greedy, rng):
    """One token for each row of scores (B, V), float64 on the host."""
    _check_scores(scores)
    if greedy:
        return scores.argmax(axis=-1)
    p = probabilities(scores, temperature, top_k, top_p)
    total = p.cumsum(axis=-1)
    draws = rng.random(len(p))[:, None] * total[:, -1:]
    return (total <= draws).sum(axis=-1)


def probabilities(scores, temperature=1.0, top_k=None, top_p=None):
    """The distribution that is sampled from: rows of p (B, V) that sum to 1.

    A score of +inf is certain (several share it), one of -inf impossible. Among equal
    scores top-k and top-p keep the first ones.
    """
    xp = backend.host()
    _check_temperature(temperature)
    _check_scores(scores)
    if top_k is not None and top_k < scores.shape[-1]:
        last = xp.argsort(-scores, axis=-1, kind="stable")[:, top_k:]
        scores = scores.copy()
        xp.put_along_axis(scores, last, -xp.inf, axis=-1)
    p = _softmax(scores, temperature)
    if top_p is not None and top_p < 1:
        order = xp.argsort(-p, axis=-1, kind="stable")
        ordered = xp.take_along_axis(p, order, axis=-1)
        before = ordered.cumsum(axis=-1) - ordered  # probability of the likelier ones
        keep = xp.zeros(p.shape, dtype=bool)
        # a sum that is top_p but for rounding has reached it
        xp.put_along_axis(keep, order, before < top_p * (1 - 1e-12), axis=-1)
        p = xp.where(keep, p, 0.0)
        p = p / p.sum(axis=-1, keepdims=True)
    return p


def _softmax(scores, temperature):
    """softmax(scores / temperature); subtracting first, nothing overflows to NaN."""
    xp = backend.host()
    top = scores.max(axis=-1, keepdims=True)
    with xp.errstate(over="ignore", invalid="ignore"):
        below = xp.where(scores == top, 0.0, scores - top) / temperature
    p = xp.exp(below)
    return p / p.sum(axis=-1, keepdims=True)


# --- checks -------------------------------------------------------------------------


def _check_scores(scores):
    if (scores != scores).any():
        raise FloatingPointError(
            "generate: the model's logits are NaN; look for a diverged training run, "
            "or run the model once inside tinyft.detect_anomaly()"
        )
    if (scores.max(axis=-1) == -float("inf")).any():
        raise FloatingPointError(
            "generate: every logit of a row is -inf, so no token can be chosen; does a "
            "mask exclude the whole vocabulary?"
        )


def _check_temperature(temperature):
    if not 0 < temperature < float("inf"):
        kind = "positive" if temperature <= 0 else "positive and finite"
        raise ValueError(
            f"generate: temperature must be {kind}, got {temperature}; use greedy=True "
            "for the most likely token"
        )


def _prompt(ids):
    """The token ids as a host array (B, T)."""
    try:
        out = backend.asnumpy(getattr(ids, "_data", ids))
    except ValueError:
        raise ValueError(
            "generate: the prompts have several lengths; pad the shorter ones on the "
            "left and say where with mask="
        ) from None
    if out.ndim not in (1, 2) or 0 in out.shape or out.dtype.kind not in "iu":
        raise ValueError(
            "generate: the prompt must be token ids, integers (B, T) or (T,), not "
            f"empty; its shape is {out.shape}, its dtype {out.dtype}"
        )
    return out[None] if out.ndim == 1 else out


def _real(mask, ids):
    """The padding mask as host booleans (B, T), or None where nothing is padded."""
    if mask is None:
        return None
    real = backend.asnumpy(getattr(mask, "_data", mask))
    real = real[None] if real.ndim == 1 else real
    if real.shape != ids.shape or real.dtype.kind not in "bui":
        raise ValueError(
            f"generate: the mask must be booleans or 0 and 1 as integers, of the shape "
            f"of the prompt {ids.shape}; got {real.dtype} {real.shape}"
        )
    if not real[:, -1].all():
        raise ValueError(
            "generate: the mask ends with padding; new tokens follow the last one, so "
            "pad the shorter prompts on the left"
        )
    return None if real.all() else real.astype(bool)


def _check_model(model, tokens, count, stop):
    """Raise ValueError for a model that does not predict the next token."""
    config = getattr(model, "config", None)
    if config is None:
        return
    if not config.causal or config.head != "lm":
        raise ValueError(
            f"generate: a model with causal={config.causal} and head={config.head!r} "
            "does not predict the next token; use a causal language model, such as "
            "gpt2 or llama"
        )
    last = tokens + max(0, count - 1 if stop is None else 0)  # the newest is not read
    if config.positions == "learned" and last > config.length:
        raise ValueError(
            f"generate: a prompt of {tokens} tokens and {count} new ones would reach "
            f"{max(tokens, config.length + 1)} tokens ({config.length} of them cached), "
            f"but positions were made for {config.length}; cut the prompt, ask for "
            "fewer tokens, or make the model with a larger length"
        )


def _check(count, temperature, top_k, top_p, greedy, rng):
    if count < 0:
        raise ValueError(f"generate: count must not be negative, got {count}")
    if not greedy:
        _check_temperature(temperature)
    if top_k is not None and top_k < 1:
        raise ValueError(f"generate: top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: top_p must be in (0, 1], got {top_p}")
    if not greedy and rng is None:
        raise ValueError(
            "generate: sampling needs rng=numpy.random.default_rng(seed) or an integer "
            "seed, rng=0; or choose the most likely token each time with greedy=True"
        )
