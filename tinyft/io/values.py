"""The values of an array in a safetensors file: dtypes, and reading at an offset."""

import math

import numpy as np

# Header name -> how NumPy reads the bytes. BF16 is read as integers, then widened.
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
PIECE = 2**16  # entries that are converted at a time


def read_values(file, start, name, shape, dtype=None):
    """The array (writable) of the header's dtype `name` at byte `start` of an open file.

    bfloat16 is widened to float32, which is exact. dtype: what narrower floats become,
    piece by piece, without a second array.
    """
    stored, half = np.dtype(DTYPES[name]), name == "BF16"
    count, target = math.prod(shape), np.dtype(np.float32) if half else stored
    if dtype is not None and target.kind == "f" and np.can_cast(target, dtype):
        target = np.dtype(dtype)
    file.seek(start)
    if target == stored:
        return np.fromfile(file, stored, count).reshape(shape)
    array = np.empty(count, target)
    for i in range(0, count, PIECE):
        piece = np.fromfile(file, stored, min(PIECE, count - i))
        array[i : i + PIECE] = widen_bfloat16(piece) if half else piece
    return array.reshape(shape)


def widen_bfloat16(bits):
    """Return float32 from the uint16 bits of bfloat16: its upper half, so exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
