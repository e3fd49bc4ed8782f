"""Positions without parameters: sinusoids for the embedding, ALiBi for the scores.

    sinusoidal   PE[t, 2i] = sin(t base^(-2i/C)),  PE[t, 2i+1] = cos(t base^(-2i/C))
    ALiBi        score of query t and key s, minus m_h |t - s|
                 m_h = 2^(-8h/H), h = 1..H, where the number of heads H is a power of 2;
                 otherwise those of the power n below, then every other one of 2n

Sources: Vaswani et al. 2017, section 3.5; Press, Smith, Lewis 2022 and their code.
"""

import math

from tinyft import ops
from tinyft.nn.shape import positive, steps
from tinyft.ops.operands import wrap


def sinusoidal(positions, dim, dtype="float32", base=10000.0):
    """PE (T, dim) or (B, T, dim) for integer positions (T,) or (B, T); dim even."""
    if dim % 2 or dim < 2:
        raise ValueError(
            f"sinusoidal: dim={dim} must be even, one sine and one cosine per rate"
        )
    positions = wrap(positions)
    powers = steps(0, dim // 2, positions, "float64")
    rates = ops.exp(powers * (-2 * math.log(base) / dim))
    angles = ops.expand_dims(positions.astype("float64"), -1) * rates
    pairs = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
    return ops.reshape(pairs, (*positions.shape, dim)).astype(dtype)


def alibi_slopes(heads):
    """m_h of every head, a list of `heads` floats."""
    positive("alibi_slopes", heads=heads)
    n = 2 ** int(math.log2(heads))  # the power of two at or below
    slopes = _geometric(n)
    return slopes + _geometric(2 * n)[::2][: heads - n]


def _geometric(n):
    return [2.0 ** (-8 * h / n) for h in range(1, n + 1)]


def alibi(heads, past, new, like, places=None):
    """What ALiBi adds to the scores of `new` queries after `past` keys: (1, H, new, S),
    S = past + new, in the dtype and on the device of `like`.

    places: where the keys stand, (S,) or (B, S) for (B, H, new, S); by default 0, 1, ….
    """
    places = steps(0, past + new, like) if places is None else wrap(places)
    places = places.astype("float64")
    queries = ops.expand_dims(places[..., past:], -1)
    distance = ops.abs(queries - ops.expand_dims(places, -2))  # ([B,] new, S)
    slopes = ops.stack([-m * distance for m in alibi_slopes(heads)], axis=-3)
    return (slopes if slopes.ndim > 3 else ops.expand_dims(slopes, 0)).astype(
        like.dtype
    )
