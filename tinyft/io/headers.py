"""The header of a safetensors file, and single arrays by its offsets.

    entries = read_header(path)      {name: Entry(dtype, shape, start, stop)}
    read_array(path, entries[name])  one array; the others are not read

A header is a promise about sizes: it is checked against the file before anything of
these sizes is made. Source: https://github.com/huggingface/safetensors#format
"""

import math
import mmap
from typing import NamedTuple

import numpy as np

from tinyft.io import foreign, seal
from tinyft.io.json_text import JSONError, parse_json
from tinyft.io.tensors import HEADER, CheckpointError
from tinyft.io.values import DTYPES, read_values


class Entry(NamedTuple):
    """One array of a file: what it is and where its bytes lie."""

    dtype: str
    shape: tuple
    start: int
    stop: int


def read_header(path):
    """Return {name: Entry} in the order of the names.

    Raises CheckpointError for a file that is cut off, overlaps or is another format.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(64)
        if foreign.told(start):
            raise CheckpointError(f"{path} {foreign.told(start)}")
        length = int.from_bytes(start[:8], "little")
        if size < 8 or length > min(size - 8, HEADER):
            raise _damaged(path, f"a header of {length} bytes does not fit in it")
        file.seek(8)
        text = file.read(length)
    try:
        table = parse_json(text.decode("utf-8"), path)
        table.pop("__metadata__", None)
        found = {name: _entry(table[name], 8 + length) for name in sorted(table)}
    except (JSONError, UnicodeDecodeError):
        raise _damaged(path, "its header is not JSON") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, f"its header describes no arrays ({error})") from None
    _check_places(path, found, 8 + length, size)
    return found


def _entry(fields, first):
    """An Entry; ValueError or TypeError if the fields are not those of an array."""
    dtype, shape = fields["dtype"], tuple(fields["shape"])
    start, stop = fields["data_offsets"]
    numbers = (*shape, start, stop)
    if not all(type(n) is int and n >= 0 for n in numbers) or type(dtype) is not str:
        raise ValueError("a size or an offset is not a natural number")
    bits = np.dtype(DTYPES.get(dtype, "u1")).itemsize
    if dtype in DTYPES and math.prod(shape) * bits != stop - start:
        raise ValueError(f"{stop - start} bytes are not {dtype} {shape}")
    return Entry(dtype, shape, first + start, first + stop)


def _check_places(path, found, first, size):
    """The arrays lie side by side and end where the file does."""
    for entry in sorted(found.values(), key=lambda e: (e.start, e.stop)):
        if entry.start != first or entry.stop < first:
            raise _damaged(path, "its arrays overlap or leave gaps")
        first = entry.stop
    if first != size:
        raise _damaged(path, f"its arrays end at byte {first}, the file at {size}")


def _damaged(path, why):
    return CheckpointError(
        f"{path} is cut short or is not a safetensors file: {why}. Write or fetch it "
        "again."
    )


def check_seal(path):
    """Raise CheckpointError if the file has our checksum and it does not fit.

    The file is mapped, not read: it takes no memory of its own.
    """
    with open(path, "rb") as file:
        length = 8 + int.from_bytes(file.read(8), "little")
        file.seek(0)
        head = file.read(length)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            with memoryview(content)[length:] as data:
                broken = seal.is_broken(head, data)
    if broken:
        raise CheckpointError(
            f"{path} is damaged: it is not what was written, its checksum differs. "
            "Write or fetch it again."
        )


def read_array(path, entry, dtype=None):
    """Return one array, writable; bfloat16 widened to float32, which is exact.

    dtype: what narrower floats become, piece by piece, without a second array.
    """
    if entry.dtype not in DTYPES:
        raise CheckpointError(
            f"{path} holds an array of dtype {entry.dtype}, which is not read (only "
            f"{', '.join(DTYPES)}). Convert the file to one of these."
        )
    with open(path, "rb") as file:
        return read_values(file, entry.start, entry.dtype, entry.shape, dtype)
