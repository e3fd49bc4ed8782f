"""Block-wise quantisation: w ≈ minimum + scale · level[k], one scale per block.

    absmax codes   scale = max |w| of the block, minimum = 0
    affine code    scale = max − min, minimum = min                                    (1)
    k = the nearest level to (w − minimum)/scale; half-way goes to the lower one

A matrix is cut into blocks in row-major order, across its rows; the last block has what
is left and a scale of its own. Bytes are laid out as bitsandbytes does, the first weight
of a pair in the high four bits. Source: Dettmers et al. 2022, arXiv:2110.02861.
"""

import functools

from tinyft import backend
from tinyft.quantise.codes import code_named
from tinyft.quantise.constants import dynamic_levels, each_block, expand, shrink
from tinyft.quantise.ggml import Blocks
from tinyft.quantise.packed import Packed, check_block, check_double

CHUNKS = {True: 2**14, False: 2**24}  # weights at a time, on the host: what is made on
# the way stays small and in the cache; on a device: few launches


def quantise(W, block=64, code="nf4", double=None):
    """The Packed form of a matrix, by (1), where W is.

    W: a float array of any shape, rounded to float32 first. block: weights per scale, a
    power of two. code: "nf4", "even" or "int4" (affine). double: the scales in 8 bits
    too; by default where the code has an exact zero, so that zeros stay zeros.
    Raises TypeError for what is not floating, ValueError for NaN or Inf, with the first
    block that has one, for an empty W and for options that do not exist.
    """
    code = code_named(code)
    check_block(block)
    double = check_double(code, double)
    if not backend.is_array(W) or W.dtype.kind != "f" or not W.size:
        what = f"dtype {W.dtype}, shape {W.shape}" if backend.is_array(W) else type(W)
        raise TypeError(
            f"quantise: expected an array of floats with entries, got {what}"
        )
    with backend.errstate(W, over="ignore"):  # what is too large is refused below
        flat = W.reshape(-1).astype("float32")
        _check_finite(flat, block)
        low, scale = _constants(flat, block, code)
    _check_range(scale)
    codes = _pairs_of(_codes(flat, block, code, low, scale), code)
    nested = offset = None
    if double:
        scale, nested, offset = shrink(scale, _sent("dynamic", None, _place(W)))
    minimum = low if code.affine else None
    return Packed(codes, scale, nested, offset, minimum, code, block, tuple(W.shape))


def dequantise(packed, dtype="float32"):
    """The matrix that a Packed or a Blocks stands for, in this dtype, where its codes are.

    float64 holds each product of a level and a scale exactly; float16 is rounded once,
    from float32. Blocks of a GGUF file are float32 numbers in any dtype.
    """
    dtype = backend.result_type(dtype)
    if isinstance(packed, Blocks):
        return packed.array(dtype)
    if dtype == backend.float16:
        return dequantise(packed).astype(dtype)
    scale, low = scales(packed).astype(dtype, copy=False), packed.minimum
    W = _levels_of(packed, dtype)
    each_block(W, packed.block, scale, "__imul__")
    if low is not None:
        each_block(W, packed.block, low.astype(dtype, copy=False), "__iadd__")
    return W.reshape(packed.shape)


def scales(packed):
    """The float32 scale of each block."""
    if packed.nested is None:
        return packed.scale
    table = _sent("dynamic", None, _place(packed.scale))
    return expand(packed.scale, packed.nested, packed.offset, table)


def _check_finite(flat, block):
    bad = ~backend.xp_of(flat).isfinite(flat)
    if bad.any():
        first = int(bad.argmax()) // block
        raise ValueError(
            f"quantise: block {first} (weights {first * block} and after, in row-major "
            "order) holds NaN or Inf, which no code stands for; look at the weights: did "
            "the run that made them diverge?"
        )


def _check_range(scale):
    """The scales add up to a mean in float32, which ends at 3.4e38."""
    top = float(backend.xp_of(scale).finfo(scale.dtype).max) / len(scale)
    if not (scale <= top).all():
        raise ValueError(
            "quantise: the largest weights are beyond what float32 scales and their mean "
            "can hold; divide the weights by a constant first"
        )


def _constants(flat, block, code):
    """(minimum, scale) of each block; the minimum of an absmax code is None."""
    xp = backend.xp_of(flat)
    whole = len(flat) - len(flat) % block
    parts = [flat[:whole].reshape(-1, block), flat[whole:].reshape(1, -1)]
    parts = [part for part in parts if part.size]
    if not code.affine:
        return None, xp.concatenate([abs(part).max(axis=1) for part in parts])
    low = xp.concatenate([part.min(axis=1) for part in parts])
    return low, xp.concatenate([part.max(axis=1) for part in parts]) - low


def _codes(flat, block, code, low, scale):
    """The index of the nearest level for each weight, uint8."""
    xp = backend.xp_of(flat)
    tiny = xp.finfo(scale.dtype).tiny  # below it 1/scale is infinite
    inverse = 1 / xp.where(scale < tiny, 1, scale)
    middles = _sent("middles", code, _place(flat))
    found = xp.empty(flat.shape, "uint8")
    chunk = _chunk(flat)
    for start in range(0, len(flat), chunk):
        part = flat[start : start + chunk].copy()
        here = slice(start // block, -(-(start + len(part)) // block))
        if low is not None:
            each_block(part, block, low[here], "__isub__")
        each_block(part, block, inverse[here], "__imul__")
        found[start : start + chunk] = xp.searchsorted(middles, part)
    return found


def _pairs_of(codes, code):
    """Two codes a byte; an odd number ends in the code of zero."""
    if len(codes) % 2:
        xp = backend.xp_of(codes)
        codes = xp.concatenate([codes, xp.full(1, code.zero, codes.dtype)])
    return codes[0::2] * 16 + codes[1::2]


def _levels_of(packed, dtype):
    """The level of each weight, flat; each byte looks up a pair of them."""
    codes, table = packed.codes, _sent("pairs", packed.code, _place(packed.codes))
    xp = backend.xp_of(codes)
    W, chunk = xp.empty((len(codes), 2), dtype), _chunk(codes) // 2
    for start in range(0, len(codes), chunk):
        part = codes[start : start + chunk]
        W[start : start + chunk] = xp.take(table, part, axis=0)
    return W.reshape(-1)[: packed.size]


def _chunk(like):
    return CHUNKS[_place(like) == "cpu"]


def _place(like):
    return backend.device_of(like)


@functools.cache
def _sent(what, code, device):
    """A table on a device, sent there once: the 256 levels of the scales, the middles
    between the levels of a code, or the pairs of levels that each byte stands for."""
    host = backend.host()
    if what == "dynamic":
        return backend.to(host.asarray(dynamic_levels(), "float32"), device)
    levels = host.asarray(code.levels, "float32")
    if what == "middles":
        levels = (levels[1:] + levels[:-1]) / host.float32(2)
    else:  # byte 16 i + j: levels i and j
        levels = host.append(levels, host.zeros(16 - len(levels), "float32"))
        levels = host.stack([levels.repeat(16), host.tile(levels, 16)], axis=1)
    return backend.to(levels, device)
