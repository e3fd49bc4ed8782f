"""Headers of safetensors files: the arrays they promise, and promises they cannot keep."""

import json

import numpy as np
import pytest

from tinyft import io
from tinyft.io.headers import read_array, read_header

pytest.importorskip("safetensors", reason="files are written with the package")
STATE = {
    "b": np.arange(6, dtype="f4").reshape(2, 3),
    "a": np.arange(3, dtype="f2"),
    "c": np.array(7, dtype="i8"),
}


def raw(path, header, content=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    path.write_bytes(length.to_bytes(8, "little") + text + content)
    return path


def test_arrays_one_by_one(tmp_path):
    path = tmp_path / "a.safetensors"
    io.save(path, STATE, {"note": "x"})
    found = read_header(path)
    assert list(found) == ["a", "b", "c"] and found["b"].shape == (2, 3)
    for name, array in STATE.items():
        again = read_array(path, found[name])
        assert again.dtype == array.dtype and again.flags.writeable
        np.testing.assert_array_equal(again, array)


def test_bfloat16_is_widened_exactly(tmp_path):
    """1, -2 and 3.140625: the upper halves of their float32 bits."""
    values = np.array([1, -2, 3.140625], "f4")
    bits = (values.view("u4") >> 16).astype("<u2")
    entry = {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}
    path = raw(tmp_path / "b.safetensors", {"x": entry}, bits.tobytes())
    array = read_array(path, read_header(path)["x"])
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, values)


def entry(shape=(2,), offsets=(0, 8), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "header, words",
    [
        (b"{", "its header is not JSON"),
        (b"[" * 10_000, "its header is not JSON"),
        (b'{"x": 1, "x": 2}', "its header is not JSON"),
        (b"[]", "describes no arrays"),
        ({"x": {"dtype": "F32"}}, "describes no arrays"),
        ({"x": entry(shape=(3,))}, r"8 bytes are not F32 \(3,\)"),
        ({"x": entry(shape=(-2, -1))}, "not a natural number"),
        ({"x": entry(shape=(2.0,))}, "not a natural number"),
        ({"x": entry(shape=(2**62, 2**62))}, "8 bytes are not F32"),
        ({"x": entry(offsets=(8, 0))}, "bytes are not F32"),
        ({"x": entry(), "y": entry()}, "overlap or leave gaps"),
        ({"x": entry(offsets=(4, 12))}, "overlap or leave gaps"),
        ({"x": entry(shape=(1,), offsets=(0, 4))}, "arrays end at byte"),
        ({"x": entry(shape=(4,), offsets=(0, 16))}, "arrays end at byte"),
    ],
)
def test_headers_that_lie(header, words, tmp_path):
    path = raw(tmp_path / "x.safetensors", header, bytes(8))
    with pytest.raises(io.CheckpointError, match=words):
        read_header(path)


@pytest.mark.parametrize("length", [0, 3, 9, 2**63])
def test_files_that_are_cut_off(length, tmp_path):
    path = raw(tmp_path / "x.safetensors", b"{}", length=length)
    if length == 9:
        path.write_bytes(path.read_bytes()[:5])
    with pytest.raises(io.CheckpointError, match="cut short or is not a safetensors"):
        read_header(path)


def test_a_dtype_that_is_not_read(tmp_path):
    header = {"x": entry(shape=(8,), dtype="F8_E4M3")}
    path = raw(tmp_path / "x.safetensors", header, bytes(8))
    with pytest.raises(io.CheckpointError, match="dtype F8_E4M3, which is not read"):
        read_array(path, read_header(path)["x"])


@pytest.mark.parametrize("stored", ["f2", "f4", "f8", "i4"])
@pytest.mark.parametrize("dtype", [None, "f2", "f4", "f8"])
def test_narrower_floats_become_a_dtype_piece_by_piece(stored, dtype, tmp_path):
    """Others are left as they are: a narrower dtype could lose values unseen."""
    x = (np.random.default_rng(0).standard_normal((3, 50_001)) * 100).astype(stored)
    path = tmp_path / "x.safetensors"
    io.save(path, {"x": x})
    array = read_array(path, read_header(path)["x"], dtype)
    wider = stored != "i4" and np.dtype(dtype or stored) > np.dtype(stored)
    assert array.dtype == (dtype if wider else stored) and array.flags.writeable
    np.testing.assert_array_equal(array, x)
