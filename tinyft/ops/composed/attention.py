"""Scaled dot-product attention (see composed/__init__.py).

S = Q Kᵀ / √d + mask,    P = softmax(S) along the keys,    O = P V
"""

import math

from tinyft import backend
from tinyft.ops.array.choose import where
from tinyft.ops.array.shape import repeat
from tinyft.ops.composed.activations import softmax
from tinyft.ops.composed.layers import dropout
from tinyft.ops.neural.heads import read_mask


def attention(q, k, v, mask=None, causal=False, scale=None, dropout_p=0.0, rng=None):
    """O = softmax(Q Kᵀ / √d + mask) V, with entries of P dropped in training."""
    P = attention_weights(q, k, mask, causal, scale)
    P = dropout(P, dropout_p, rng)
    return P @ repeat(v, q.shape[-3] // v.shape[-3], -3)


def attention_weights(q, k, mask=None, causal=False, scale=None):
    """P = softmax(Q Kᵀ / √d + mask); a query that sees no key has a row of zeros.

    q (..., H, T, d), k (..., Hkv, S, d): query head h reads key head h Hkv/H. A boolean
    mask hides where it is False. Query i stands at position i + S - T and sees, if
    causal, the keys up to it.
    """
    (H, T, d), S = q.shape[-3:], k.shape[-2]
    k = repeat(k, H // k.shape[-3], -3)
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(d) if scale is None else scale)
    if causal:
        xp = backend.xp_of(q._data)
        visible = xp.arange(S) <= xp.arange(T)[:, None] + (S - T)
        scores = where(visible, scores, -math.inf)
    mask = read_mask("attention", mask)
    if mask is not None and mask.dtype == backend.bool_:
        scores = where(mask, scores, -math.inf)
    elif mask is not None:
        scores = scores + mask
    return softmax(scores)
