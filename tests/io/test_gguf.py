"""Files of llama.cpp: what is read, and files that lie about what is in them."""

import struct
import tracemalloc

import numpy as np
import pytest
from gguf_file import ARRAY, F32, Q4_1, TEXT, gguf_bytes, raw, text, value

from tinyft import io
from tinyft.io import gguf

FIELDS = {
    "general.architecture": "llama",
    "count": 7,
    "rate": 0.5,
    "yes": True,
    "words": ["a", "é", ""],
    "numbers": [1, -2, 3],
}
ARRAYS = {
    "one": np.arange(6, dtype="f4").reshape(2, 3),
    "two": np.arange(5, dtype="f4"),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf_bytes(FIELDS, ARRAYS))
    return gguf.read(path)


def test_fields_and_arrays(file):
    assert file.metadata["numbers"].tolist() == FIELDS["numbers"]
    rest = {n: v for n, v in file.metadata.items() if n != "numbers"}
    assert rest == {n: v for n, v in FIELDS.items() if n != "numbers"}
    assert list(file.tensors) == list(ARRAYS)
    for name, array in ARRAYS.items():
        found = file.array(name)
        assert found.flags.writeable and file.tensors[name].shape == array.shape
        np.testing.assert_array_equal(found, array)


def test_blocks_are_views_of_the_file_that_outlive_a_release(file):
    blocks = file.tensors["one"]
    assert blocks.kind == "F32" and blocks.raw.dtype == np.uint8
    assert not blocks.raw.flags.writeable and not blocks.raw.flags.owndata
    file.release()
    np.testing.assert_array_equal(blocks.array(), ARRAYS["one"])
    with pytest.raises(KeyError, match=r"a\.gguf has no tensor 'three'"):
        file.array("three")


def two(*places):
    """Two tensors of 8 floats at these offsets, and 64 bytes for them."""
    return raw({}, [(f"t{i}", (8,), F32, at) for i, at in enumerate(places)], bytes(64))


def one(dims=(8,), kind=F32, offset=0):
    return raw({}, [("t", dims, kind, offset)], bytes(64))


LONG = struct.pack("<IQ", TEXT, 2**40)
LIST = struct.pack("<IIQ", ARRAY, TEXT, 2**60)
NUMBERS = struct.pack("<IIQ", ARRAY, 4, 2**61)
TWICE = b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * (text("a") + value(1))
HOSTILE = {
    "empty": (b"", "does not begin with the letters GGUF"),
    "a pickle": (b"\x80\x02}q\x00." + bytes(99), "is a pickle"),
    "cut in the head": (raw({}, [])[:20], "should go on for 8 bytes"),
    "cut in the middle": (one()[:-33], "ends at byte"),
    "version 1": (raw({}, [], version=1), "version 1, only"),
    "big-endian": (raw({}, [], version=3 << 24), "big-endian"),
    "tensors without end": (raw({}, [], counts=(2**60, 0)), f"{2**60} tensors"),
    "fields without end": (raw({}, [], counts=(0, 2**60)), f"{2**60} fields"),
    "a long text": (raw({"a": LONG}, []), f"go on for {2**40} bytes"),
    "a long list": (raw({"a": LIST}, []), f"{2**60} texts of 'a'"),
    "a long array": (raw({"a": NUMBERS}, []), f"{2**61} values of 'a'"),
    "an unknown type": (raw({"a": struct.pack("<I", 99)}, []), "unknown type 99"),
    "text that is not": (
        raw({"a": value("é").replace(b"\xa9", b"x")}, []),
        "not UTF-8",
    ),
    "a field twice": (TWICE, "field 'a' is there twice"),
    "a tensor twice": (
        raw({}, [("t", (8,), F32, 0), ("t", (8,), F32, 32)], bytes(64)),
        "'t' is there twice",
    ),
    "an overlap": (two(0, 0), "'t0' and 't1' overlap"),
    "half an overlap": (two(0, 16), "'t0' and 't1' overlap"),
    "beyond the end": (two(0, 64), "ends at byte"),
    "an offset without end": (one(offset=2**63), "ends at byte"),
    "no size": (one((8, 0)), "cannot hold the shape"),
    "no axes": (one(()), "has 0 axes"),
    "many axes": (one((1,) * 9), "has 9 axes"),
    "a size without end": (one((2**62, 2**62)), "ends at byte"),
    "half a block": (one((33,), Q4_1), "blocks of 32 weights"),
    "a type not decoded": (one((256,), 10), "of type Q2_K; only F32"),
    "a type that is none": (one((8,), 77), "of type number 77"),
    "no alignment": (raw({"general.alignment": value(0)}, []), "alignment is 0"),
}


@pytest.mark.parametrize("content, why", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_lies_is_a_sentence_and_takes_no_memory(content, why, tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(io.CheckpointError) as told:
            gguf.read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(told.value) and why in str(told.value)
    assert peak < 2**20


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*x\.gguf"):
        gguf.read(tmp_path / "x.gguf")


def test_every_byte_of_a_damaged_head_is_a_sentence(tmp_path):
    """Any byte of the head may be any other: a sentence, or a file with other names."""
    good = bytearray(gguf_bytes(FIELDS, ARRAYS))
    path, rng = tmp_path / "x.gguf", np.random.default_rng(0)
    for at in range(len(good) - 64):
        bad = good.copy()
        bad[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bad)
        try:
            gguf.read(path)
        except io.CheckpointError as error:
            assert str(path) in str(error)


def test_every_tensor_of_smollm2_is_that_of_the_package(fetched):
    package = pytest.importorskip("gguf", reason="pip install gguf")
    path = fetched("smollm2")
    file, theirs = gguf.read(path), package.GGUFReader(path).tensors
    assert list(file.tensors) == [t.name for t in theirs] and len(theirs) == 272
    for tensor in theirs:
        expected = package.dequantize(tensor.data, tensor.tensor_type)
        found = file.array(tensor.name)
        assert found.shape == expected.shape, tensor.name
        assert found.tobytes() == expected.tobytes(), tensor.name
