"""ggml's blocks, the weights of GGUF files: each block with its own scale.

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

from tinyft import backend

CACHED = (
    2**18
)  # weights decoded at a time on the host: what is made on the way is small


class Form(NamedTuple):
    """How one type stores its weights; `unpack(blocks, out)` writes (blocks, weights)."""

    weights: int  # in a block
    bytes: int
    unpack: object


class Blocks(NamedTuple):
    """A tensor (out, in) as it lies in a GGUF file; blocks go along the last axis.

    kind     a key of FORMS, "Q4_1"
    shape    rows first, as in NumPy
    raw      uint8 (bytes,), a read-only view of the file or an array anywhere
    """

    kind: str
    shape: tuple
    raw: object

    def array(self, dtype="float32"):
        """The weights as a new array; float64 holds the same float32 numbers."""
        return decode(self.kind, self.raw, self.shape).astype(dtype, copy=False)

    @property
    def arrays(self):
        """{name: array} of what is stored, in bytes `nbytes`."""
        return {} if self.raw is None else {"raw": self.raw}

    @property
    def nbytes(self):
        return byte_count(self.kind, self.shape)

    @property
    def size(self):
        """How many weights."""
        return math.prod(self.shape)

    @property
    def bits(self):
        """Bits per weight, scales included: 5.0 for Q4_1."""
        return 8 * FORMS[self.kind].bytes / FORMS[self.kind].weights


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
    if raw.dtype != "uint8" or raw.size != byte_count(kind, shape):
        raise ValueError(
            f"decode: a {kind} tensor {tuple(shape)} has {byte_count(kind, shape)} bytes "
            f"(uint8), got {raw.size} of {raw.dtype}"
        )
    form, xp = FORMS[kind], backend.xp_of(raw)
    blocks = raw.reshape(-1, form.bytes)
    out = xp.empty((len(blocks), form.weights), "float32")
    host = backend.device_of(raw) == "cpu"
    step = CACHED // form.weights if host else len(blocks)
    with backend.errstate(raw, invalid="ignore"):  # a damaged scale is inf: inf 0
        for i in range(0, len(blocks), step):
            form.unpack(blocks[i : i + step], out[i : i + step])
    return out.reshape(shape)


# --- from (blocks, bytes) to (blocks, weights) -----------------------------------------


def number(blocks, start, kind="<f2", size=2):
    """One number of every block as float32 (blocks, 1)."""
    part = backend.xp_of(blocks).ascontiguousarray(blocks[:, start : start + size])
    return part.view(kind).astype("float32")


def four_bits(codes, out):
    """Both halves of each byte of (blocks, n, width) into `out` (blocks, n, 2, width)."""
    xp = backend.xp_of(codes)
    xp.bitwise_and(codes, 15, out=out[:, :, 0])
    xp.right_shift(codes, 4, out=out[:, :, 1])


def one_run(blocks, start, out):
    """The 32 codes of 4 bits behind byte `start` of each block."""
    four_bits(blocks[:, None, start:], out.reshape(len(out), 1, 2, 16))


def q4_0(blocks, out):
    one_run(blocks, 2, out)
    out -= 8
    out *= number(blocks, 0)


def q4_1(blocks, out):
    one_run(blocks, 4, out)
    out *= number(blocks, 0)
    out += number(blocks, 2)


def q5_0(blocks, out):
    xp = backend.xp_of(blocks)
    one_run(blocks, 6, out)
    fifth = xp.unpackbits(xp.ascontiguousarray(blocks[:, 2:6]), bitorder="little")
    fifth *= 16
    out += fifth.reshape(out.shape)
    out -= 16
    out *= number(blocks, 0)


def q8_0(blocks, out):
    xp = backend.xp_of(blocks)
    xp.multiply(blocks[:, 2:].view("int8"), number(blocks, 0), out=out)


def q4_k(blocks, out):
    """d, e, then 12 bytes of scales, then 128 of codes, in groups of 32 bytes."""
    n = len(blocks)
    scale, low = six_bits(blocks[:, 4:16].reshape(n, 3, 4))
    four_bits(blocks[:, 16:].reshape(n, 4, 32), out.reshape(n, 4, 2, 32))
    out = out.reshape(n, 8, 32)
    out *= (number(blocks, 0) * scale)[:, :, None]
    out -= (number(blocks, 2) * low)[:, :, None]


def six_bits(packed):
    """Scales and minima (blocks, 8) of (blocks, 3, 4): four of each in the first two rows
    with 6 bits, four more in the low and high halves of the third, their upper two bits
    above the first."""
    xp = backend.xp_of(packed)
    first, second, third = packed[:, 0], packed[:, 1], packed[:, 2]
    shifted = xp.right_shift
    scale = [first & 63, third & 15 | shifted(first, 2) & 48]
    low = [second & 63, shifted(third, 4) | shifted(second, 2) & 48]
    return xp.concatenate(scale, 1), xp.concatenate(low, 1)


def q6_k(blocks, out):
    """128 bytes of low halves, 64 of upper pairs of bits, 16 scales, d."""
    xp, n = backend.xp_of(blocks), len(blocks)
    four_bits(blocks[:, :128].reshape(n, 2, 64), out.reshape(n, 2, 2, 64))
    pairs = blocks[:, 128:192].reshape(n, 2, 1, 32)
    shifts = xp.arange(0, 8, 2, dtype="uint8")[:, None]
    upper = xp.right_shift(pairs, shifts) & 3
    upper *= 16
    out += upper.reshape(n, 256)
    out -= 32
    scale = xp.ascontiguousarray(blocks[:, 192:208]).view("int8")
    out = out.reshape(n, 16, 16)
    out *= (number(blocks, 208) * scale)[:, :, None]


def float16(blocks, out):
    out[:] = number(blocks, 0)


def float32(blocks, out):
    out[:] = number(blocks, 0, "<f4", 4)


FORMS = {
    "F32": Form(1, 4, float32),
    "F16": Form(1, 2, float16),
    "Q4_0": Form(32, 18, q4_0),
    "Q4_1": Form(32, 20, q4_1),
    "Q5_0": Form(32, 22, q5_0),
    "Q8_0": Form(32, 34, q8_0),
    "Q4_K": Form(256, 144, q4_k),
    "Q6_K": Form(256, 210, q6_k),
}
