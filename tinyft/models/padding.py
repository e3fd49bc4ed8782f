"""Padding: what it hides, and that it does not count as a position.

    position of a token = tokens before it - padding before it        (a decoder)

So a text gives the same result alone and padded on the left in a batch. In an encoder
only the padding in front of the first token is left out: the gaps after it count, as in
transformers, whose BERT counts the padding in front too. RoBERTa counts the ids that are
not its padding id, from pad + 1.
"""

from tinyft import backend, nn, ops
from tinyft.autograd.tensor import Tensor
from tinyft.models.positions import alibi
from tinyft.nn.layers.attention import widen
from tinyft.nn.shape import steps
from tinyft.ops.neural.heads import read_mask
from tinyft.ops.operands import wrap


class Positions(nn.Positions):
    """The positions of the new tokens, after those that are already in a cache: (T,),
    or (B, T) where the rows differ. The first token of a text stands at `start`. given:
    positions that the caller counts, from 0 (packed rows)."""

    def __init__(self, config):
        self.causal, roberta = config.causal, config.positions == "roberta"
        self.pad = config.pad if roberta else None
        self.start = config.pad + 1 if roberta else 0

    def forward(self, ids, past=0, real=None, given=None):
        self.past = past
        if given is not None:
            return wrap(given) + self.start
        if self.pad is None and (real is None or _ends_padded(real)):
            return steps(past, past + ids.shape[1], ids)
        xp, tokens = backend.xp_of(ids._data), True
        if self.pad is not None:
            tokens = ids._data != self.pad
        if real is not None:
            tokens = tokens & (real if self.causal else xp.cumsum(real, axis=1) > 0)
        hidden = xp.cumsum(~tokens, axis=1)[:, -ids.shape[1] :]
        at = self.start + past + xp.arange(ids.shape[1]) - hidden
        if self.pad is not None:  # what RoBERTa gives its padding
            at = xp.where(tokens, at, self.pad)
        return Tensor._of(xp.maximum(at, 0).astype("int64"), None)


def _ends_padded(real):
    """True when no row has padding before a token; a device is not asked (it would have
    to wait), there every row gets positions of its own."""
    if backend.device_of(real) != "cpu":
        return False
    return bool((real[:, 1:] <= real[:, :-1]).all() and real[:, :1].all())


def padding_mask(mask, ids, past=0, cache=None):
    """(real, mask): a padding mask as booleans (B, S) or None, and any other mask.

    S is the number of new tokens, or up to `past` more. Raises ValueError for another
    shape, for floats, and for a mask that forgets the padding in the cache.
    """
    mask = None if mask is None else wrap(mask)
    real = None
    if mask is not None and mask.ndim == 2:
        _check_padding(mask, ids.shape, past)
        real, mask = backend.to(mask._data.astype(bool), ids.device), None
    if cache:
        _check_cached(cache[0], real, ids.shape[1], past)
    return real, mask


def _check_padding(mask, shape, past):
    B, T = shape
    fits = mask.shape[0] in (1, B) and T <= mask.shape[1] <= past + T
    if not fits or mask.dtype.kind not in "bui":
        span = f"{T} to {past + T}" if past else str(T)
        raise ValueError(
            f"Transformer: the mask is {mask.dtype} {mask.shape}; a padding mask holds "
            f"booleans or 0 and 1 as integers, True for tokens, of shape ({B}, {span}). "
            "Additive masks and masks for each query have four axes, (B, 1, T, S)"
        )


def _check_cached(entry, real, new, past):
    """Keys of padding in a cache must stay hidden: the mask is given again."""
    if real is not None:
        entry.padded = True
    elif not past:
        entry.padded = False
    if past and entry.padded and (real is None or real.shape[1] == new):
        raise ValueError(
            "Transformer: the cache was filled under a padding mask, so each later call "
            f"needs the mask of all its tokens, (B, {past} + {new}), not of the new "
            "ones only"
        )


def attention_mask(mask, real, past, config, x):
    """The mask that every block takes: the padding (B, 1, 1, S) and the window (T, S),
    or the caller's own, and what ALiBi adds to the scores. x (B, T, C): T counts vectors
    that were put in front of the tokens too."""
    new = x.shape[1]
    places = _places(real, past + new, config.causal, x)
    if real is not None:
        mask = Tensor._of(backend.to(real[:, None, None, :], x.device), None)
        mask = widen(mask, 0, past + new) if mask.shape[-1] < new else mask
    mask = _windowed(mask, new, places, config.window)
    if config.positions != "alibi":
        return mask
    bias = alibi(config.heads, past, new, x, places)
    if mask is None:
        return bias
    mask = widen(read_mask("Transformer", mask), new, past + new)
    if mask.dtype.kind == "b":
        return ops.where(mask, bias, -float("inf"))
    return mask + bias


def _places(real, keys, causal, like):
    """Where each key stands, from 0, padding not counted: (S,), or (B, S) where the rows
    differ. A prompt stands in front of the padding, and must not be further away for it.
    """
    places = steps(0, keys, like)
    if real is None or _ends_padded(real):
        return places
    xp = backend.xp_of(real)
    tokens = real if causal else xp.cumsum(real, axis=1) > 0
    hidden = backend.to(xp.cumsum(~tokens, axis=1), like.device)
    hidden = ops.pad(Tensor._of(hidden, None), [(0, 0), (keys - hidden.shape[1], 0)])
    return places - hidden


def _windowed(mask, new, places, window):
    """`mask` without the keys that lie `window` or more tokens back."""
    keys = places.shape[-1]
    if window is None or keys <= window:
        return mask
    rows = ops.expand_dims(places[..., keys - new :], -1)
    near = rows - ops.expand_dims(places, -2) < window
    near = ops.expand_dims(near, 1) if near.ndim > 2 else near  # (B, 1, T, S)
    if mask is None:
        return near
    mask = widen(mask, new, keys)
    if mask.dtype.kind == "b":
        return ops.logical_and(mask, near)
    return ops.where(near, mask, -float("inf"))


def last_tokens(states, ids, mask=None, pad=None):
    """The states of each row's last token that is not padding. (B, C)."""
    xp, (B, T) = backend.xp_of(ids._data), ids.shape
    if pad is not None:
        real = ids._data != pad
    else:
        real, _ = padding_mask(mask, ids)
        real = xp.ones((B, T), bool) if real is None else real
    last = (xp.arange(T) * real).argmax(axis=1)
    last = last + (states.shape[1] - T)  # vectors that the embedding put in front
    return states[xp.arange(B), backend.to(last, states.device)]
