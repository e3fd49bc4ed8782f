"""PyTorch's own checkpoints, .pth and .pt, read without running what is in them.

    state = load_pth("mobilenet_v2.pth")        {name: array}

    before 1.6    magic | version | system | the pickle | keys | for each key: size, bytes
    since         a zip without compression: data.pkl, and data/KEY for each storage

A tensor is a view of a storage: offset, shape, strides. The pickle is run by
pickle_machine.py, which calls nothing. Source: torch/serialization.py.
"""

import errno
import math
import mmap
import zipfile
from pathlib import Path

import numpy as np

from tinyft.io import foreign
from tinyft.io.explain import BROKEN_ZIP
from tinyft.io.pickle_machine import Name, Refused, Source, run
from tinyft.io.tensors import DTYPES, CheckpointError
from tinyft.io.values import widen_bfloat16

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "torch DoubleStorage": "F64",
    "torch FloatStorage": "F32",
    "torch HalfStorage": "F16",
    "torch BFloat16Storage": "BF16",
    "torch LongStorage": "I64",
    "torch IntStorage": "I32",
    "torch ShortStorage": "I16",
    "torch CharStorage": "I8",
    "torch ByteStorage": "U8",
    "torch BoolStorage": "BOOL",
}


def load_pth(path):
    """The state dict of a file of torch.save: {name: array}, nested as it was saved.

    Arrays are writable; those that shared memory share it. bfloat16 is widened to
    float32, which is exact. Raises FileNotFoundError, or CheckpointError with what is
    wrong: a file that is cut short or lies about its sizes, and, by its name, whatever a
    pickle would call beside the making of tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; expected a .pth file")
    with open(path, "rb") as file:
        start, size = file.read(64), path.stat().st_size
        try:
            if start.startswith(b"PK\x03\x04"):
                return _zipped(path)
            if start[:1] != b"\x80":
                told = foreign.told(start)
                raise Refused(
                    f"it {told}" if told else "it does not begin with a pickle"
                )
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
                return _legacy(content)
        except (Refused, OSError, *BROKEN_ZIP) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise  # of the disk; a zip that points before its beginning has this one
            raise CheckpointError(
                f"{path} is not a checkpoint that can be read: {error}"
            ) from None


class Storages:
    """The storages of a file: arrays of one axis, each made once; `read` fills it."""

    def __init__(self, read):
        self.read, self.arrays = read, {}

    def stored(self, found):
        """The array of a persistent id, ("storage", type, key, device, count)."""
        good = type(found) is tuple and len(found) in (5, 6) and found[0] == "storage"
        if not good or any(found[5:]) or type(found[1]) is not Name:
            raise Refused(f"its pickle refers to {found!r:.80}, expected a storage")
        _, kind, key, _, count = found[:5]
        if kind.text not in STORAGES or type(key) is not str or type(count) is not int:
            raise Refused(f"its pickle refers to {found!r:.80}, expected a storage")
        if key not in self.arrays:
            self.arrays[key] = self.read(key, STORAGES[kind.text], count)
        return self.arrays[key]

    def run(self, source):
        calls = {
            "collections OrderedDict": lambda: {},
            "torch Size": tuple,
            "torch._utils _rebuild_tensor": view,
            "torch._utils _rebuild_tensor_v2": view,
            "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
        }
        return run(source, calls, STORAGES, self.stored)


def view(storage, offset, shape, strides, *_):
    """A tensor: the view of a storage. No larger than the storage, and inside it."""
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(
        type(n) is int and n >= 0 for n in numbers
    ):
        raise Refused(f"a tensor has shape {shape!r:.60} and strides {strides!r:.60}")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides))
    size = math.prod(shape)
    if size and (last >= len(storage) or size > len(storage)):
        raise Refused(
            f"a tensor of shape {shape} from place {offset} does not fit into its "
            f"storage of {len(storage)} numbers"
        )
    start = storage[offset:] if size else storage[:0]
    step = storage.itemsize
    return np.lib.stride_tricks.as_strided(start, shape, [n * step for n in strides])


def _array(kind, count, size):
    """An empty array for `count` numbers; `size` is how many bytes are there for them."""
    item = np.dtype(DTYPES[kind]).itemsize
    if count < 0 or count * item != size:
        raise Refused(f"a storage of {count} numbers of {kind} has {size} bytes")
    return np.empty(count, DTYPES[kind])


def _finished(kind, array):
    return widen_bfloat16(array) if kind == "BF16" else array


# --- before PyTorch 1.6 --------------------------------------------------------------


def _legacy(content):
    source = Source(content)
    if run(source) != MAGIC or run(source) != VERSION:
        raise Refused("it is a pickle, and not one that torch.save has written")
    system = run(source)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("its numbers are big-endian, which is not read")
    begin, needed = source.at, {}

    def noted(key, kind, count):
        needed[key] = kind, count
        return np.lib.stride_tricks.as_strided(
            np.empty(1, "u1"), (max(count, 0),), (0,)
        )

    Storages(noted).run(source)  # once for the sizes: the bytes come after it
    places = _places(source, run(source), needed)

    def read(key, kind, count):
        size = count * np.dtype(DTYPES[kind]).itemsize
        array = _array(kind, count, size)
        array.view("u1")[:] = np.frombuffer(content, "u1", size, places[key])
        return _finished(kind, array)

    return Storages(read).run(Source(content, begin))


def _places(source, keys, needed):
    """{key: where its bytes begin}; each storage inside the file."""
    places = {}
    for key in keys if isinstance(keys, list) else [None]:
        if type(key) is not str or key in places or key not in needed:
            raise Refused(
                f"it lists the storage {key!r:.40}, which its pickle does not use"
            )
        kind, count = needed[key]
        found = int.from_bytes(source.read(8), "little")
        size = count * np.dtype(DTYPES[kind]).itemsize
        if found != count or size > len(source.content) - source.at:
            raise Refused(
                f"the storage {key!r} should have {count} numbers of {kind}, it announces "
                f"{found}, and {len(source.content) - source.at} bytes are left"
            )
        places[key] = source.at
        source.at += size
    if needed.keys() - places.keys():
        raise Refused(f"the storage {min(needed.keys() - places.keys())!r} is missing")
    return places


# --- since PyTorch 1.6 ---------------------------------------------------------------


def _zipped(path):
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        _check_entries(entries, archive, path.stat().st_size)
        program = [name for name in entries if name.endswith("/data.pkl")]
        stem = program[0].removesuffix("data.pkl") if program else ""
        if len(program) != 1 or f"{stem}constants.pkl" in entries:
            raise Refused(
                "it is a zip, and not one of torch.save (a TorchScript program?)"
            )
        order = (
            archive.read(f"{stem}byteorder")
            if f"{stem}byteorder" in entries
            else b"little"
        )
        if order != b"little":
            raise Refused("its numbers are big-endian, which is not read")

        def read(key, kind, count):
            entry = entries.get(f"{stem}data/{key}")
            if entry is None:
                raise Refused(f"the storage {key!r:.40} is missing")
            array = _array(kind, count, entry.file_size)
            with archive.open(entry) as file:
                if array.size and file.readinto(array.view("u1")) != entry.file_size:
                    raise Refused(f"the storage {key!r:.40} is cut short")
            return _finished(kind, array)

        return Storages(read).run(Source(archive.read(program[0])))


def _check_entries(entries, archive, size):
    """Nothing is compressed or given twice, and together it is no larger than the file."""
    if len(entries) < len(archive.infolist()):
        raise Refused("a name in the zip is given twice")
    for name, entry in entries.items():
        plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1
        if not plain or entry.compress_size != entry.file_size:
            raise Refused(
                f"{name!r:.60} in the zip is compressed, which torch.save never does"
            )
    total = sum(entry.file_size for entry in entries.values())
    if total > size:
        raise Refused(f"its parts announce {total} bytes, and the file has {size}")
