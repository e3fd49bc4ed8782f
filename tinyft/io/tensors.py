"""Named arrays in one safetensors file: save(path, state), load(path).

    file = N (8 bytes, little-endian) | JSON header of N bytes | the arrays' bytes

Never pickle: reading a file runs no code of the file. The same state gives the same
bytes, so a checkpoint's hash is a fact about its training run (the header is written
again with sorted keys, because the package does not fix the order of metadata). What
`save` wrote carries a checksum (seal.py), and `load` refuses it with a changed byte.
Source: the format's description at https://github.com/huggingface/safetensors#format
"""

import json
import mmap
import os

import numpy as np

from tinyft import backend
from tinyft.io import foreign, seal
from tinyft.io.atomic import atomic_write
from tinyft.io.json_text import JSONError, parse_json
from tinyft.io.values import DTYPES, read_values

SAVED = {np.dtype(code) for name, code in DTYPES.items() if name != "BF16"}
HEADER = 100_000_000  # bytes: the format's limit


class CheckpointError(ValueError):
    """A state that cannot be saved or a file that cannot be read; says why."""


def save(path, state, metadata=None):
    """Write `state`, {name: array}, as safetensors; `metadata` is {str: str}.

    Values may be NumPy or device arrays, Tensors, or Python numbers; layout does not
    matter (non-contiguous arrays are copied). Written under a temporary name, flushed
    and renamed, so a killed process leaves the old file whole.

    Raises CheckpointError for a dtype or a name that the format has no room for, OSError
    with the file and what to do when it cannot be written.
    """
    package = _package()
    _check_arguments(path, state)
    arrays = {name: _host(name, state[name]) for name in sorted(map(_name, state))}
    content = package.numpy.save(arrays, metadata=_check_metadata(metadata))
    head, data = _sorted_header(content)
    head = seal.sealed(head, data)
    atomic_write(path, lambda file: file.write(head) + file.write(data))


def load(path):
    """Return {name: NumPy array} in the order of the names.

    bfloat16 is widened to float32 (exact), float16 stays float16.
    Raises FileNotFoundError, or CheckpointError with what is wrong and what to do.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path):
    """Return (state, metadata): as `load`, and the {str: str} stored beside it."""
    package = _package()
    _check_path(path)
    with open(path, "rb") as file:  # once: the name may become another file
        header, end = _checked_header(path, file)
        try:
            with package.safe_open(path, framework="numpy"):
                pass  # it checks what the header says of each array
        except (
            Exception
        ) as error:  # the package's own error type, named in the sentence
            raise CheckpointError(
                f"{path} is not a valid safetensors file: {error}. "
                "Delete it and write or fetch it again."
            ) from None
        metadata = header.pop("__metadata__", None) or {}
        state = {n: _array(path, n, header[n], file, end) for n in sorted(header)}
    return state, {k: v for k, v in metadata.items() if k != seal.MARK}


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


def _check_arguments(path, state):
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"io.save(path, state): the path comes first, got a {type(path).__name__}"
        )
    if not isinstance(state, dict):
        hint = ", its .state_dict()" if hasattr(state, "state_dict") else ""
        raise TypeError(
            f"io.save(path, state): state is a dict {{name: array}}{hint}, got a "
            f"{type(state).__name__}"
        )


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
        array = _converted(name, value)
    little = array.dtype.newbyteorder("<")
    if little not in SAVED:
        known = ", ".join(sorted(str(dtype) for dtype in SAVED))
        raise CheckpointError(
            f"io.save: state['{name}'] has dtype {array.dtype}, which a tensor file "
            f"cannot hold. Convert it to one of {known}, or leave it out."
        )
    return np.asarray(array, dtype=little, order="C")


def _converted(name, value):
    try:
        return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except (TypeError, ValueError, RuntimeError) as error:  # PyTorch's bfloat16, say
        raise CheckpointError(
            f"io.save: state['{name}'] is a {type(value).__module__}."
            f"{type(value).__name__} that does not become an array: {error}"
        ) from None


def _check_metadata(metadata):
    """The metadata with room for the seal."""
    for key, value in (metadata or {}).items():
        if not (isinstance(key, str) and isinstance(value, str)) or key == seal.MARK:
            raise CheckpointError(
                f"io.save: metadata holds strings only, got {key!r}: {value!r}. "
                "Write the value with str() or json.dumps(), under a name of your own."
            )
    return {**(metadata or {}), seal.MARK: seal.EMPTY}


def _sorted_header(content):
    """The file in two parts: its header, the JSON in sorted order, and the arrays."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    head = text.encode("utf-8")
    head += b" " * (-len(head) % 8)  # the arrays start at a multiple of eight
    return len(head).to_bytes(8, "little") + head, memoryview(content)[end:]


# --- reading -----------------------------------------------------------------------


def _check_path(path):
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"io.load(path): expected a path, got a {type(path).__name__}")
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"There is no file {path}. Check the path, or write it with io.save."
        )


def _checked_header(path, file):
    """_header of an open file, whose checksum is compared if it has one of ours.

    The file is mapped, not read: it takes no memory of its own.
    """
    if not os.fstat(file.fileno()).st_size:
        return _header(path, b"")  # nothing to map
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        header, end = _header(path, content)
        with memoryview(content)[end:] as data:
            broken = seal.is_broken(content[:end], data)
    if broken:
        raise CheckpointError(
            f"{path} is damaged: its bytes are not the ones that were written (their "
            "SHA-256 differs). Fetch it again, or go back to an older copy."
        )
    return header, end


def _header(path, content):
    """(header, where the arrays begin); the length of all it announces is checked."""
    told = foreign.told(content[:64])
    if told:
        raise CheckpointError(f"{path} {told}")
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, HEADER):
        raise _truncated(path, f"its header should end at byte {8 + size}", content)
    try:
        header = parse_json(content[8 : 8 + size].decode("utf-8"), path)
        ends = [e["data_offsets"][1] for n, e in header.items() if n != "__metadata__"]
        end = 8 + size + max(ends, default=0)
    except JSONError as error:
        raise _no_header(path, f" ({error})") from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise _no_header(path) from None
    if len(content) < end:
        raise _truncated(path, f"its header announces {end} bytes", content)
    return header, 8 + size


def _no_header(path, why=""):
    return CheckpointError(
        f"{path} is damaged: its header is not the JSON of a safetensors file{why}. "
        "Delete it and write or fetch it again."
    )


def _truncated(path, expected, content):
    return CheckpointError(
        f"{path} is cut short or is not a safetensors file: {expected}, the file has "
        f"{len(content)}. Delete it and write or fetch it again."
    )


def _array(path, name, entry, file, end):
    """Return one array, writable and owned by the caller; `end`: of the header."""
    if entry["dtype"] not in DTYPES:
        raise CheckpointError(
            f"{path}: '{name}' has dtype {entry['dtype']}, which tinyft does not read "
            f"(it reads {', '.join(DTYPES)}). Convert the file to one of these."
        )
    start = end + entry["data_offsets"][0]
    try:
        return read_values(file, start, entry["dtype"], entry["shape"])
    except (ValueError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged: '{name}': {error}") from None
