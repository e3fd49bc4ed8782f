"""GGUF, the file format of llama.cpp: metadata and tensors, many of them in 4 bits.

    file = read("model.gguf")
    file.metadata["general.architecture"]       "llama"
    file.tensors["blk.0.attn_q.weight"]         Blocks(kind "Q4_1", shape (576, 576), raw)
    file.array("blk.0.attn_q.weight")           the weights as float32

    "GGUF" | version 3 | tensors | fields | the fields | names, shapes, offsets | bytes

The file is mapped: `raw` is a view of it, read from the disk when it is used. Every
count, length and offset is compared with the size of the file before anything is made of
that size. Source: docs/gguf.md of https://github.com/ggml-org/ggml
"""

import mmap
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinyft.io import foreign
from tinyft.io.gguf_fields import Damaged, Reader
from tinyft.io.tensors import CheckpointError
from tinyft.quantise.ggml import FORMS, Blocks, byte_count

VERSIONS = (2, 3)  # the same layout; 1 had lengths of 32 bits
AXES = 4
KINDS = {  # ggml's numbers; those without a form in quantise/ggml.py are refused by name
    **dict(enumerate("F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1".split())),
    **dict(enumerate("Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K".split(), 10)),
    **dict(enumerate("IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S".split(), 16)),
    **dict(enumerate("IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16".split(), 23)),
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
}


class GGUF(NamedTuple):
    """What `read` returns."""

    path: Path
    metadata: dict  # {field: number, str, bool, list of str or array of numbers}
    tensors: dict  # {name: Blocks}, in the order of the file
    mapped: object  # the mmap.mmap of the whole file

    def array(self, name):
        """The weights of one tensor as a new float32 array; KeyError if it is not there."""
        if name not in self.tensors:
            raise KeyError(f"{self.path} has no tensor {name!r}")
        return self.tensors[name].array()

    def release(self):
        """Let the system take back the pages that have been read; views stay valid."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self.mapped.madvise(mmap.MADV_DONTNEED)


def read(path):
    """The GGUF of a file: its metadata read, its tensors mapped.

    Raises FileNotFoundError, or CheckpointError with what is wrong: another format, a
    truncated file, sizes or offsets that do not fit it, tensors that overlap, names given
    twice, a type that is not decoded here.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; expected a .gguf file")
    with open(path, "rb") as file:
        size = path.stat().st_size
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    try:
        return _parse(path, mapped)
    except Damaged as error:
        raise CheckpointError(
            f"{path} is not a GGUF file that can be read: {error}"
        ) from None


def _parse(path, mapped):
    content = np.frombuffer(mapped, np.uint8)
    reader = Reader(content)
    _check_start(reader)
    tensors = reader.count("tensors", 24)
    fields = reader.count("fields", 13)
    metadata = reader.fields(fields)
    entries = [_entry(reader) for _ in range(tensors)]
    first = _aligned(reader.at, metadata)
    return GGUF(path, metadata, _views(content, first, entries), mapped)


def _check_start(reader):
    start = reader.content[:64].tobytes()
    if start[:4] != b"GGUF":
        told = foreign.told(start)
        raise Damaged(
            f"it {told}" if told else "it does not begin with the letters GGUF"
        )
    reader.at = 4
    version = reader.number("<u4")
    if version not in VERSIONS:
        swapped = version >= 2**16 and not version % 2**16
        raise Damaged(
            "its numbers are big-endian, which is not read"
            if swapped
            else f"it has version {version}, only {VERSIONS} are read"
        )


def _entry(reader):
    """(name, type, shape, offset) of one tensor."""
    name, axes = reader.text(), reader.number("<u4")
    if not 1 <= axes <= AXES:
        raise Damaged(f"the tensor {name!r} has {axes} axes, expected 1 to {AXES}")
    shape = tuple(reader.number("<u8") for _ in range(axes))[::-1]
    code, offset = reader.number("<u4"), reader.number("<u8")
    kind = KINDS.get(code, f"number {code}")
    if kind not in FORMS:
        raise Damaged(
            f"the tensor {name!r} is of type {kind}; only {', '.join(FORMS)} are decoded. "
            "Fetch or make the model in one of them (llama.cpp's llama-quantize)"
        )
    return name, kind, shape, offset


def _aligned(at, metadata):
    """Where the tensors begin: the next multiple of the alignment."""
    step = metadata.get("general.alignment", 32)
    if type(step) is not int or step < 8 or step % 8 or step > 2**16:
        raise Damaged(f"general.alignment is {step!r}, expected a multiple of 8")
    return -(-at // step) * step


def _views(content, first, entries):
    """{name: Blocks}, each tensor inside the file and beside the others."""
    tensors, places = {}, []
    for name, kind, shape, offset in entries:
        try:
            size = byte_count(kind, shape)
        except ValueError as error:
            raise Damaged(f"the tensor {name!r}: {error}") from None
        if name in tensors:
            raise Damaged(f"the tensor {name!r} is there twice")
        start, stop = first + offset, first + offset + size
        if stop > len(content):
            raise Damaged(
                f"the tensor {name!r}, {kind} {shape}, ends at byte {stop}, and the file "
                f"has {len(content)}; fetch it again"
            )
        places.append((start, stop, name))
        tensors[name] = Blocks(kind, shape, content[start:stop])
    _check_apart(sorted(places))
    return tensors


def _check_apart(places):
    for (_, stop, name), (start, _, other) in pairwise(places):
        if start < stop:
            raise Damaged(f"the tensors {name!r} and {other!r} overlap")
