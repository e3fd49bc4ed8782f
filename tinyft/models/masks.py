"""Who may look at whom: masks (1, 1, T, T) for a Transformer or an attention layer.

    prefix-LM        s < prefix, or s <= t        both ways in the prefix, then causal
    sliding window   t - window < s <= t          itself and window - 1 tokens before

True = query t may look at key s. Four axes, because two would be read as padding. The
causal mask of a model is applied as well, so a prefix-LM needs `causal=False`. Sources:
Liu et al. 2018 and Raffel et al. 2020 (prefix-LM); Child et al. 2019, Beltagy et al.
2020 and Jiang et al. 2023 (sliding window).
"""

from tinyft import ops
from tinyft.nn.shape import positive


def prefix_lm(T, prefix):
    """Booleans (1, 1, T, T): the first `prefix` tokens see each other, the others the
    past. Raises ValueError unless 0 <= prefix <= T."""
    positive("prefix_lm", T=T)
    if not 0 <= prefix <= T:
        raise ValueError(
            f"prefix_lm: prefix={prefix} must lie between 0 (causal) and T={T} (all see "
            "all)"
        )
    t, s = _places(T)
    return _four_axes(ops.logical_or(s < prefix, s <= t))


def sliding_window(T, window):
    """Booleans (1, 1, T, T): each token sees itself and the window - 1 before it."""
    positive("sliding_window", T=T, window=window)
    t, s = _places(T)
    return _four_axes(ops.logical_and(s <= t, s > t - window))


def _places(T):
    """Queries (T, 1) and keys (T,)."""
    places = ops.arange(T)
    return ops.expand_dims(places, 1), places


def _four_axes(mask):
    return ops.reshape(mask, (1, 1, *mask.shape))
