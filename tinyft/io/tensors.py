"""Named arrays in one safetensors file: save(path, state), load(path).

    file = N (8 bytes, little-endian) | JSON header of N bytes | the arrays' bytes

Never pickle: reading a file runs no code of the file. The same state gives the same
bytes, so a checkpoint's hash is a fact about its training run (the header is written
again with sorted keys, because the package does not fix the order of metadata).
Source: the format's description at https://github.com/huggingface/safetensors#format
"""

import json
import os

import numpy as np

from tinyft import backend
from tinyft.io.atomic import atomic_write

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
SAVED = {np.dtype(code) for name, code in DTYPES.items() if name != "BF16"}
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")


class CheckpointError(ValueError):
    """A state that cannot be saved or a file that cannot be read; says why."""


def save(path, state, metadata=None):
    """Write `state`, {name: array}, as safetensors; `metadata` is {str: str}.

    Values may be NumPy or device arrays, Tensors, or Python numbers; layout does not
    matter (non-contiguous arrays are copied). Written under a temporary name, flushed
    and renamed, so a killed process leaves the old file whole.

    Raises CheckpointError for a dtype or a name that the format has no room for.
    """
    package = _package()
    arrays = {name: _host(name, state[name]) for name in sorted(map(_name, state))}
    content = package.numpy.save(arrays, metadata=_check_metadata(metadata))
    atomic_write(path, _sorted_header(content))


def load(path):
    """Return {name: NumPy array} in the order of the names.

    bfloat16 is widened to float32 (exact), float16 stays float16.
    Raises FileNotFoundError, or CheckpointError with what is wrong and what to do.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path):
    """Return (state, metadata): as `load`, and the {str: str} stored beside it."""
    package = _package()
    content = _read(path)
    header = _header(path, content)
    try:
        entries = package.deserialize(content)
    except Exception as error:  # the package's own error type, named in the sentence
        raise CheckpointError(
            f"{path} is not a valid safetensors file: {error}. "
            "Delete it and write or fetch it again."
        ) from None
    entries = sorted(entries)  # by name; no name occurs twice
    state = {name: _array(path, name, entry) for name, entry in entries}
    return state, header.get("__metadata__", {})


def _package():
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "Tensor files need the package safetensors, which is not installed. "
            'Install it with: python -m pip install "tinyft[course]"'
        ) from None
    return safetensors


# --- writing -----------------------------------------------------------------------


def _name(name):
    if not isinstance(name, str) or name == "__metadata__":
        raise CheckpointError(
            f"io.save: {name!r} cannot name an array; names are strings other than "
            "'__metadata__'."
        )
    return name


def _host(name, value):
    """Return a contiguous little-endian NumPy array with the same values and shape."""
    if backend.is_array(value):
        array = backend.asnumpy(value)
    else:
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    little = array.dtype.newbyteorder("<")
    if little not in SAVED:
        known = ", ".join(sorted(str(dtype) for dtype in SAVED))
        raise CheckpointError(
            f"io.save: state['{name}'] has dtype {array.dtype}, which a tensor file "
            f"cannot hold. Convert it to one of {known}, or leave it out."
        )
    return np.asarray(array, dtype=little, order="C")


def _check_metadata(metadata):
    for key, value in (metadata or {}).items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise CheckpointError(
                f"io.save: metadata holds strings only, got {key!r}: {value!r}. "
                "Write the value with str() or json.dumps()."
            )
    return metadata or None


def _sorted_header(content):
    """Return the file with its JSON header in sorted order; the arrays stay."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    head = text.encode("utf-8")
    head += b" " * (-len(head) % 8)  # the arrays start at a multiple of eight
    return len(head).to_bytes(8, "little") + head + content[end:]


# --- reading -----------------------------------------------------------------------


def _read(path):
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"There is no file {path}. Check the path, or write it with io.save."
        )
    with open(path, "rb") as file:
        return file.read()


def _header(path, content):
    """Return the parsed header after checking the length of everything it announces."""
    _refuse_other_formats(path, content)
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > len(content) - 8:
        raise _truncated(path, f"its header should end at byte {8 + size}", content)
    try:
        header = json.loads(content[8 : 8 + size])
        ends = [e["data_offsets"][1] for n, e in header.items() if n != "__metadata__"]
        end = 8 + size + max(ends, default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise CheckpointError(
            f"{path} is damaged: its header is not the JSON of a safetensors file. "
            "Delete it and write or fetch it again."
        ) from None
    if len(content) < end:
        raise _truncated(path, f"its header announces {end} bytes", content)
    return header


def _truncated(path, expected, content):
    return CheckpointError(
        f"{path} is cut short or is no safetensors file: {expected}, the file has "
        f"{len(content)}. Delete it and write or fetch it again."
    )


def _refuse_other_formats(path, content):
    if content.startswith(PICKLES) and content[8:9] != b"{":  # else a header's length
        raise CheckpointError(
            f"{path} is a pickle or a zip (an old PyTorch checkpoint?), which could "
            "run code when read. tinyft reads safetensors only; convert it first."
        )
    if content.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the file itself. Run: git lfs pull"
        )


def _array(path, name, entry):
    """Return one array, writable and owned by the caller."""
    code = DTYPES.get(entry["dtype"])
    if code is None:
        raise CheckpointError(
            f"{path}: '{name}' has dtype {entry['dtype']}, which tinyft does not read "
            f"(it reads {', '.join(DTYPES)}). Convert the file to one of these."
        )
    array = np.frombuffer(entry["data"], dtype=code).reshape(entry["shape"])
    return widen_bfloat16(array) if entry["dtype"] == "BF16" else array.copy()


def widen_bfloat16(bits):
    """Return float32 from the uint16 bits of bfloat16: its upper half, so exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
