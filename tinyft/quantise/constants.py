"""Double quantisation: the scales of the blocks themselves in 8 bits.

    s ≈ mean(s) + m · d[k],   m = max |s − mean(s)| of 256 scales,   k of 8 bits       (1)

d is the "dynamic" map: the decimal exponent takes a varying number of the bits, the rest
are even fractions of [0.1, 1]. Signed scales would waste a bit: absmax is positive, so its
mean is removed first. Source: Dettmers et al. 2023, "QLoRA", section 3; the map: Dettmers
2016, arXiv:1511.04561, as bitsandbytes' create_dynamic_map(signed=True) builds it.
"""

import functools
import itertools

from tinyft import backend
from tinyft.quantise.codes import linspace
from tinyft.quantise.packed import NESTED

EXPONENTS = 7


@functools.cache
def dynamic_levels():
    """The 256 levels d of (1), ascending float32 from −0.99296874 to 1, 0 among them."""
    single, levels = backend.host().float32, [0.0, 1.0]
    for i in range(EXPONENTS):
        edges = linspace(0.1, 1, 2**i + 1)
        for low, high in itertools.pairwise(edges):
            mean = float(
                single(10.0 ** (i + 1 - EXPONENTS)) * ((low + high) / single(2))
            )
            levels += [mean, -mean]
    return tuple(sorted(levels))


def shrink(scale, table):
    """(uint8 codes, nested, offset) of float32 scales; table: d where they are."""
    xp = backend.xp_of(scale)
    offset = scale.mean(keepdims=True)
    rest = scale - offset
    blocks = -(-len(rest) // NESTED)
    padded = xp.zeros(blocks * NESTED, rest.dtype)
    padded[: len(rest)] = rest
    padded = padded.reshape(blocks, NESTED)
    nested = abs(padded).max(axis=1)
    relative = padded / xp.where(nested == 0, 1, nested)[:, None]
    middles = (table[1:] + table[:-1]) / 2
    codes = xp.searchsorted(middles, relative.reshape(-1)[: len(rest)])
    return codes.astype("uint8"), nested, offset


def expand(codes, nested, offset, table):
    """The scales that `shrink` kept, by (1)."""
    scale = backend.xp_of(codes).take(table, codes)
    each_block(scale, NESTED, nested, "__imul__")
    scale += offset
    return scale


def each_block(flat, block, values, in_place):
    """flat *= (or +=, -=) the value of its block, in place; the last may be shorter."""
    whole = len(flat) - len(flat) % block
    body = flat[:whole].reshape(-1, block)
    getattr(body, in_place)(values[: len(body), None])
    if whole < len(flat):
        getattr(flat[whole:], in_place)(values[-1:])
