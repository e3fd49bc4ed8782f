"""The weights of a GGUF file as floats: ggml's blocks, each with its own scale.

    Q4_0   32 weights in 18 bytes    w = d (q - 8)       d float16, q 4 bits
    Q4_1   32 in 20                  w = d q + m
    Q5_0   32 in 22                  w = d (q - 16)      the fifth bits lie together
    Q8_0   32 in 34                  w = d q             q int8
    Q4_K   256 in 144                w = (d s) q - (e t)    s, t 6 bits for every 32
    Q6_K   256 in 210                w = (d s) (q - 32)     s int8 for every 16

    decode("Q4_1", raw, (out, in))   float32 (out, in), to the bit what ggml computes

In 4 bits the low halves of a block's bytes come first, then the high halves.
Source: ggml-common.h and ggml-quants.c of https://github.com/ggml-org/ggml
"""

import math
from typing import NamedTuple

import numpy as np

from tinyft import backend

CACHED = 2**18  # weights decoded at a time: what a step makes stays small


class Form(NamedTuple):
    """How one type stores its weights; `unpack` maps (blocks, bytes) to floats."""

    weights: int  # in a block
    bytes: int
    unpack: object


def byte_count(kind, shape):
    """How many bytes a tensor (..., row) of this type takes; ValueError if it cannot be."""
    form = FORMS[kind]
    if not shape or min(shape) < 1 or shape[-1] % form.weights:
        raise ValueError(
            f"{kind} has blocks of {form.weights} weights along the last axis, so it "
            f"cannot hold the shape {tuple(shape)}"
        )
    return math.prod(shape) // form.weights * form.bytes


def decode(kind, raw, shape):
    """The weights of a tensor as a new float32 array of this shape.

    kind: a key of FORMS, "Q4_1". raw: its bytes, uint8, on any device; whole rows of a
    tensor are a tensor too. Raises ValueError for an unknown type or another size.
    """
    if kind not in FORMS:
        raise ValueError(f"decode: the type {kind!r} is not one of {', '.join(FORMS)}")
    if raw.dtype != np.uint8 or raw.size != byte_count(kind, shape):
        raise ValueError(
            f"decode: a {kind} tensor {tuple(shape)} has {byte_count(kind, shape)} bytes "
            f"(uint8), got {raw.size} of {raw.dtype}"
        )
    form, xp = FORMS[kind], backend.xp_of(raw)
    blocks = raw.reshape(-1, form.bytes)
    out = xp.empty((len(blocks), form.weights), np.float32)
    step = CACHED // form.weights if xp is np else len(blocks)
    with np.errstate(invalid="ignore"):  # a damaged scale is inf or NaN: 0 inf
        for i in range(0, len(blocks), step):
            part = form.unpack(blocks[i : i + step])
            out[i : i + step] = part.reshape(-1, form.weights)
    return out.reshape(shape)


# --- from (blocks, bytes) to (blocks, weights) -----------------------------------------


def number(blocks, start, kind="<f2"):
    """One number of every block as float32 (blocks, 1)."""
    xp, size = backend.xp_of(blocks), np.dtype(kind).itemsize
    part = xp.ascontiguousarray(blocks[:, start : start + size])
    return part.view(kind).astype(np.float32)


def halves(bytes_, out):
    """Both halves of each byte of (blocks, n, w) into `out` (blocks, n, 2, w)."""
    xp = backend.xp_of(bytes_)
    xp.bitwise_and(bytes_, np.uint8(15), out=out[:, :, 0])
    xp.right_shift(bytes_, np.uint8(4), out=out[:, :, 1])
    return out


def four_bits(blocks, start, width):
    """The codes of 4 bits behind byte `start`, `width` bytes at a time, as float32."""
    xp = backend.xp_of(blocks)
    codes = blocks[:, start:].reshape(len(blocks), -1, width)
    out = xp.empty((len(codes), codes.shape[1], 2, width), np.float32)
    return halves(codes, out).reshape(len(blocks), -1)


def q4_0(blocks):
    codes = four_bits(blocks, 2, 16)
    codes -= np.float32(8)
    codes *= number(blocks, 0)
    return codes


def q4_1(blocks):
    codes = four_bits(blocks, 4, 16)
    codes *= number(blocks, 0)
    codes += number(blocks, 2)
    return codes


def q5_0(blocks):
    xp = backend.xp_of(blocks)
    fifth = xp.unpackbits(xp.ascontiguousarray(blocks[:, 2:6]), bitorder="little")
    codes = four_bits(blocks, 6, 16)
    codes += fifth.reshape(codes.shape) * np.float32(16)
    codes -= np.float32(16)
    codes *= number(blocks, 0)
    return codes


def q8_0(blocks):
    return blocks[:, 2:].view(np.int8) * number(blocks, 0)


def q4_k(blocks):
    """d, e, then 12 bytes of scales, then 128 of codes, in groups of 32 bytes."""
    scale, low = six_bits(blocks[:, 4:16].reshape(-1, 3, 4))
    codes = four_bits(blocks, 16, 32).reshape(len(blocks), 8, 32)
    codes *= (number(blocks, 0) * scale)[:, :, None]
    codes -= (number(blocks, 2) * low)[:, :, None]
    return codes


def six_bits(packed):
    """Scales and minima (blocks, 8) of (blocks, 3, 4): four of each in the first two rows
    with 6 bits, four more in the low and high halves of the third, their upper two bits
    above the first."""
    xp = backend.xp_of(packed)
    first, second, third = packed[:, 0], packed[:, 1], packed[:, 2]
    scale = [first & 63, third & 15 | first >> 2 & 48]
    low = [second & 63, third >> 4 | second >> 2 & 48]
    return xp.concatenate(scale, 1), xp.concatenate(low, 1)


def q6_k(blocks):
    """128 bytes of low halves, 64 of upper pairs of bits, 16 scales, d."""
    xp = backend.xp_of(blocks)
    low = four_bits(blocks[:, :128], 0, 64).reshape(-1, 2, 4, 32)
    pairs = blocks[:, 128:192].reshape(-1, 2, 1, 32)
    shifts = xp.arange(0, 8, 2, dtype=np.uint8)[:, None]
    low += (pairs >> shifts & 3) * np.float32(16)
    low -= np.float32(32)
    codes = low.reshape(-1, 16, 16)
    scale = xp.ascontiguousarray(blocks[:, 192:208]).view(np.int8)
    codes *= (number(blocks, 208) * scale)[:, :, None]
    return codes


def floats(blocks):
    """F32: the bytes are the numbers."""
    return backend.xp_of(blocks).ascontiguousarray(blocks).view("<f4").copy()


FORMS = {
    "F32": Form(1, 4, floats),
    "F16": Form(1, 2, lambda blocks: number(blocks, 0)),
    "Q4_0": Form(32, 18, q4_0),
    "Q4_1": Form(32, 20, q4_1),
    "Q5_0": Form(32, 22, q5_0),
    "Q8_0": Form(32, 34, q8_0),
    "Q4_K": Form(256, 144, q4_k),
    "Q6_K": Form(256, 210, q6_k),
}
