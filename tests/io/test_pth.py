"""Checkpoints of torch.save: equal to torch.load, and files that want to run something."""

import io as streams
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tinyft import io
from tinyft.io import pickle_machine

EIGHT = np.arange(8, dtype="<f4").tobytes()


def short(text):
    """Push a text."""
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def number(n):
    return b"J" + struct.pack("<i", n)


def storage(kind="FloatStorage", key="0", count=8):
    """A storage, as torch's persistent id."""
    return (
        b"("
        + short("storage")
        + f"ctorch\n{kind}\n".encode()
        + short(key)
        + short("cpu")
        + number(count)
        + b"tQ"
    )


def tensor(place=None, offset=0, shape=(2, 4), strides=(4, 1)):
    """A call of _rebuild_tensor_v2."""
    sizes = [b"(" + b"".join(map(number, part)) + b"t" for part in (shape, strides)]
    call = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return (
        call
        + (place or storage())
        + number(offset)
        + b"".join(sizes)
        + b"\x89N"
        + b"tR"
    )


def state(body):
    """A whole pickle: {"a": body}."""
    return b"\x80\x02}" + short("a") + body + b"s."


def zipped(program, parts=None, **options):
    """The layout since 1.6."""
    out = streams.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        archive.writestr("x/data.pkl", program)
        for name, part in (parts or {"data/0": EIGHT}).items():
            archive.writestr(f"x/{name}", part)
    return out.getvalue()


def legacy(program, keys=("0",), parts=((8, EIGHT),), little=True):
    """The layout before 1.6."""
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"little_endian": little}, 2)
    body = b"".join(struct.pack("<q", count) + data for count, data in parts)
    return head + program + pickle.dumps(list(keys), 2) + body


BOTH = pytest.mark.parametrize("layout", [zipped, legacy])


def put(tmp_path, content):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    return path


@BOTH
def test_views_of_a_storage(layout, tmp_path):
    """Rows, columns and a part: offset and strides in numbers, by hand."""
    wanted = {
        ((2, 4), (4, 1), 0): [[0, 1, 2, 3], [4, 5, 6, 7]],
        ((4, 2), (1, 4), 0): [[0, 4], [1, 5], [2, 6], [3, 7]],
        ((2, 2), (4, 1), 2): [[2, 3], [6, 7]],
        ((), (), 5): 5,
        ((0, 3), (3, 1), 0): np.empty((0, 3)),
    }
    for (shape, strides, offset), expected in wanted.items():
        part = tensor(offset=offset, shape=shape, strides=strides)
        found = io.load_pth(put(tmp_path, layout(state(part))))["a"]
        assert found.dtype == np.float32 and found.flags.writeable
        np.testing.assert_array_equal(found, expected)


def test_bfloat16_and_shared_storages(tmp_path):
    bits = (np.array([1, -2, 3.140625, 0], "f4").view("u4") >> 16).astype("<u2")
    half = storage("BFloat16Storage", count=4)
    one = tensor(half, shape=(4,), strides=(1,))
    two = tensor(half, offset=2, shape=(2,), strides=(1,))
    pair = state(one + two + b"\x86")
    first, second = io.load_pth(
        put(tmp_path, zipped(pair, {"data/0": bits.tobytes()}))
    )["a"]
    assert first.dtype == np.float32 and first.tolist() == [1, -2, 3.140625, 0]
    second[0] = 9
    assert first[2] == 9


class Call:
    """Something whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.both = function, arguments

    def __reduce__(self):
        return self.both


@BOTH
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_calls_os_system_is_named_and_not_run(layout, protocol, tmp_path):
    mark = tmp_path / "run"
    bad = pickle.dumps({"a": Call(os.system, f"touch {mark}")}, protocol)
    bad = bad if protocol > 1 else b"\x80\x02" + bad  # a file begins as torch's do
    with pytest.raises(io.CheckpointError, match=r"names (posix|nt)\.system"):
        io.load_pth(put(tmp_path, layout(bad)))
    assert not mark.exists()


@pytest.mark.parametrize(
    "function", [eval, getattr, __import__, bytes.fromhex, os.path.join]
)
def test_no_other_name_passes(function, tmp_path):
    bad = pickle.dumps({"a": Call(function, "x")}, 4)
    with pytest.raises(io.CheckpointError, match="names "):
        io.load_pth(put(tmp_path, zipped(bad)))


GET = b"cbuiltins\ngetattr\n("
DEEP = zipped(state(b"(" * 100_000 + b"t" * 99_999))
HOSTILE = {
    "a method of a storage": (
        zipped(state(GET + storage() + b"tR")),
        "builtins.getattr",
    ),
    "a call of a tensor": (zipped(state(tensor() + b"(tR")), "not a function"),
    "an object": (zipped(state(b"(tctorch\nSize\n\x81")), "step NEWOBJ"),
    "fields of a tensor": (zipped(state(tensor() + b"}b")), "not a dict"),
    "an instance": (zipped(state(b"(itorch\nSize\n")), "step INST"),
    "a registered extension": (zipped(state(b"\x82\x01")), "step EXT1"),
    "a key that is a tuple": (zipped(b"\x80\x02})Ns."), "key of the type tuple"),
    "a storage of another kind": (
        zipped(state(tensor(storage("QInt8Storage")))),
        "torch.QInt8Storage",
    ),
    "a storage that lies": (
        zipped(state(tensor(storage(count=2**30)))),
        "numbers of F32 has 32 bytes",
    ),
    "a storage that is missing": (
        zipped(state(tensor(storage(key="7")))),
        "'7' is missing",
    ),
    "a tensor beyond its storage": (zipped(state(tensor(offset=1))), "does not fit"),
    "a tensor larger than it": (
        zipped(state(tensor(shape=(2**30, 2**30), strides=(0, 0)))),
        "does not fit",
    ),
    "a negative stride": (zipped(state(tensor(strides=(-4, 1)))), "strides (-4, 1)"),
    "a size too few": (zipped(state(tensor(strides=(4,)))), "strides (4,)"),
    "a bomb": (
        zipped(
            state(tensor()), {"data/0": bytes(2**24)}, compression=zipfile.ZIP_DEFLATED
        ),
        "is compressed",
    ),
    "a program": (zipped(state(b"N"), {"constants.pkl": b""}), "TorchScript"),
    "another zip": (
        zipped(b"").replace(b"data.pkl", b"else.txt"),
        "not one of torch.save",
    ),
    "big-endian": (zipped(state(b"N"), {"byteorder": b"big"}), "big-endian"),
    "an end that is missing": (zipped(state(tensor()))[:-30], "not a zip file"),
    "a changed number": (
        zipped(state(tensor())).replace(EIGHT, EIGHT[::-1]),
        "Bad CRC-32",
    ),
    "a text without end": (zipped(state(b"X\xff\xff\xff\x7f")), "damaged"),
    "no mark": (zipped(state(b"t")), "damaged"),
    "marks": (DEEP, "damaged"),
    "legacy, cut": (legacy(state(tensor()))[:-4], "bytes are left"),
    "legacy, a storage that lies": (
        legacy(state(tensor(storage(count=2**30))), parts=((2**30, EIGHT),)),
        f"{2**30} numbers of F32",
    ),
    "legacy, another count": (
        legacy(state(tensor()), parts=((9, EIGHT),)),
        "announces 9",
    ),
    "legacy, a storage too many": (
        legacy(state(tensor()), keys=("0", "1")),
        "'1', which its pickle does not use",
    ),
    "legacy, none": (legacy(state(tensor()), keys=()), "'0' is missing"),
    "legacy, big-endian": (legacy(state(tensor()), little=False), "big-endian"),
    "another pickle": (pickle.dumps([1, 2], 2), "not one that torch.save has written"),
    "no pickle": (b"hello world" * 10, "does not begin with a pickle"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "a file of llama.cpp": (b"GGUF" + bytes(60), "io.load_gguf(path) reads the model"),
    "empty": (b"", "does not begin with a pickle"),
}


@pytest.mark.parametrize("content, why", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_a_sentence_and_takes_no_memory(content, why, tmp_path):
    path = put(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(io.CheckpointError) as told:
            io.load_pth(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(told.value) and why in str(told.value)
    assert peak < 2**24


@BOTH
def test_every_damaged_byte_is_a_sentence_or_another_number(layout, tmp_path):
    good, rng = bytearray(layout(state(tensor()))), np.random.default_rng(0)
    for at in range(len(good)):
        bad = good.copy()
        bad[at] ^= int(rng.integers(1, 256))
        path = put(tmp_path, bad)
        try:
            io.load_pth(path)
        except io.CheckpointError as error:
            assert str(path) in str(error)


def test_a_place_far_away_takes_no_memory(tmp_path):
    """Python's reader makes a table up to the place: 16 GiB."""
    far = state(b"}r" + struct.pack("<I", 2**31 - 1))
    assert io.load_pth(put(tmp_path, zipped(far))) == {"a": {}}


def test_steps_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(pickle_machine, "STEPS", 5)
    with pytest.raises(io.CheckpointError, match="more than 5 steps"):
        io.load_pth(put(tmp_path, zipped(state(tensor()))))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a \.pth file"):
        io.load_pth(tmp_path / "x.pth")


@pytest.mark.parametrize("new", [True, False])
def test_it_is_what_torch_loads(new, tmp_path):
    torch = pytest.importorskip("torch", reason="pip install torch")
    x = torch.randn(4, 6)
    kinds = "float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool".split()
    saved = {kind: (x * 9).to(getattr(torch, kind)) for kind in kinds}
    saved |= {"t": x.t(), "part": x[1:3, 2:5], "p": torch.nn.Parameter(x), "0": x[0, 0]}
    saved |= {"empty": torch.empty(0, 3)}
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    whole = {"state": saved, "model": model.state_dict(), "epoch": 3}
    whole |= {"rates": [0.1, (None, True, -5, 2**70, "x")]}
    path = tmp_path / "x.pth"
    torch.save(whole, path, _use_new_zipfile_serialization=new)
    found, theirs = io.load_pth(path), torch.load(path, weights_only=True)
    assert found["epoch"] == 3 and found["rates"] == theirs["rates"]
    for part in ("state", "model"):
        assert list(found[part]) == list(theirs[part])
        for name, expected in theirs[part].items():
            expected = expected.detach()
            expected = expected.float() if name == "bfloat16" else expected
            assert found[part][name].dtype == expected.numpy().dtype, name
            np.testing.assert_array_equal(found[part][name], expected.numpy())


@pytest.mark.parametrize("name", ["mobilenetv2", "efficientnet-lite0"])
def test_real_files_are_what_torch_loads(name, fetched):
    path = fetched(name)
    found = io.load_pth(path)
    assert len(found) == {"mobilenetv2": 314, "efficientnet-lite0": 296}[name]
    torch = pytest.importorskip("torch", reason="pip install torch")
    theirs = torch.load(path, weights_only=True)
    assert list(found) == list(theirs)
    for key, expected in theirs.items():
        assert found[key].tobytes() == expected.numpy().tobytes(), key
