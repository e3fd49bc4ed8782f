"""Tensor files: round trips, equal bytes, foreign dtypes, broken files, atomicity."""

import errno
import json
import os
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyft import io, nn
from tinyft.io import seal

safetensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors")

KINDS = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
arrays = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def state():
    rng = np.random.default_rng(0)
    return {"b": rng.standard_normal((3, 4)), "a": np.arange(5), "c": np.float32(2.5)}


def raw(header, content=b""):
    """A file put together by hand from the format's description."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), arrays, max_size=4))
def test_round_trip(tmp_path_factory, state):
    state.pop("__metadata__", None)
    path = tmp_path_factory.mktemp("io") / "x.safetensors"
    io.save(path, state)
    loaded = io.load(path)
    assert list(loaded) == sorted(state)
    for name, x in state.items():
        y = loaded[name]
        assert y.dtype == x.dtype and y.shape == x.shape and y.flags.writeable
        assert y.tobytes() == x.tobytes()  # NaN and -0.0 too


def test_equal_states_give_equal_bytes(path, tmp_path):
    other = tmp_path / "other.safetensors"
    metadata = {f"key{i}": str(i) for i in range(20)}
    io.save(path, state(), metadata)
    backwards = dict(reversed(state().items()))
    for _ in range(5):  # the package alone orders metadata differently each time
        io.save(other, backwards, dict(reversed(metadata.items())))
        assert other.read_bytes() == path.read_bytes()
    loaded, found = io.load_with_metadata(path)
    assert found == metadata and loaded["c"].shape == ()
    io.save(other, loaded, found)
    assert other.read_bytes() == path.read_bytes()


def test_others_can_read_it(path):
    io.save(path, state(), {"é": "ü", "format": "np"})
    theirs = safetensors.load_file(path)
    assert (theirs["b"] == state()["b"]).all() and (theirs["a"] == np.arange(5)).all()
    with safetensors.safe_open(path, "np") as file:
        seen = file.metadata()
        assert seen.pop(seal.MARK).startswith(seal.MARK)
        assert seen == {"é": "ü", "format": "np"}
    size = struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert size % 8 == 0


def test_layout_and_byte_order_do_not_matter(path):
    x = np.arange(24.0).reshape(4, 6)
    io.save(path, {"t": x.T, "s": x[::2, ::-3], "e": x.astype(">f4"), "n": 3})
    y = io.load(path)
    assert (y["t"] == x.T).all() and (y["s"] == x[::2, ::-3]).all()
    assert (y["e"] == x).all() and y["e"].dtype == np.float32 and y["n"] == 3


def test_objects_with_numpy(path):
    class Tensor:
        def numpy(self):
            return np.ones(2, np.float32)

    io.save(path, {"w": Tensor()})
    assert io.load(path)["w"].tolist() == [1, 1]


def test_bfloat16_is_widened_exactly(path):
    # sign 1, exponent 8, fraction 7 bits: 1.0, -2.5, 2^-133 (subnormal), inf, nan
    bits = np.array([0x3F80, 0xC020, 0x0001, 0x7F80, 0x7FC1], "<u2")
    header = {"w": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}
    path.write_bytes(raw(header, bits.tobytes()))
    y = io.load(path)["w"]
    assert y.dtype == np.float32
    assert y[:4].tolist() == [1.0, -2.5, 2.0**-133, np.inf] and np.isnan(y[4])


def test_float8_is_refused_by_name(path):
    header = {"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}
    path.write_bytes(raw(header, b"\x00"))
    with pytest.raises(io.CheckpointError, match="'w' has dtype F8_E4M3, which tinyft"):
        io.load(path)


def test_every_truncation_is_an_error(path):
    io.save(path, state(), {"k": "v"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(io.CheckpointError, match=r"cut short.*write or fetch it"):
            io.load(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_header_byte_is_no_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("io") / "x.safetensors"
    io.save(path, state())
    content = bytearray(path.read_bytes())
    end = 8 + struct.unpack("<Q", content[:8])[0]
    place = data.draw(st.integers(0, end - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(io.CheckpointError) as caught:
        io.load(path)
    assert str(path) in str(caught.value)


def test_every_flipped_bit_is_found(path):
    """Arrays, names, metadata, padding, and the seal itself."""
    io.save(path, {"weight": np.arange(3.0), "n": np.int64(1)}, {"step": "12"})
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(
                io.CheckpointError, match=r"damaged|cut short|not a valid"
            ):
                io.load(path)


def test_a_file_of_others_has_no_seal_and_loads(path):
    safetensors.save_file({"w": np.arange(3.0)}, path, {"tool": "another"})
    assert io.load_with_metadata(path)[1] == {"tool": "another"}
    path.write_bytes(raw({"__metadata__": {"k": seal.MARK}}))  # a seal, half gone
    with pytest.raises(io.CheckpointError, match="bytes are not the ones that were"):
        io.load(path)


def test_the_arguments_in_another_order_and_a_model(path):
    with pytest.raises(TypeError, match=r"the path comes first, got a dict"):
        io.save(state(), path)
    with pytest.raises(TypeError, match=r"its \.state_dict\(\), got a Linear"):
        io.save(path, nn.Linear(2, 2))
    with pytest.raises(TypeError, match="expected a path, got a dict"):
        io.load(state())


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"a":' * 5000 + "1" + "}" * 5000, "levels deep"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"__metadata__": [1]}', "not a valid safetensors file"),
        (
            '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
            "is damaged|not",
        ),
        ('{"a": {"dtype": "F32", "shape": [1], "data_offsets": "04"}}', "not the JSON"),
    ],
)
def test_hostile_headers_are_sentences(path, text, words):
    path.write_bytes(raw(text.encode(), bytes(4)))
    with pytest.raises(io.CheckpointError, match=words):
        io.load(path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_full_or_read_only_disk_names_the_file_and_what_to_do(
    path, monkeypatch, number
):
    io.save(path, state())
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=rf"Cannot write .*{path.name}: .*(choose|make)"
    ) as e:
        io.save(path, {"other": np.ones(3)})
    assert e.value.errno == number and path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "cut short"),
        (raw(b"not json"), "not the JSON of a safetensors"),
        (raw(b"[1, 2]  "), "not the JSON of a safetensors"),
        (raw({"w": {"dtype": "F32"}}), "not the JSON of a safetensors"),
        (b"\x80\x04\x95pickle", "which could run code"),
        (b"PK\x03\x04zip", "which could run code"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (
            raw({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}, b"1234"),
            "not a valid safetensors file",
        ),
    ],
)
def test_broken_files_are_sentences(path, content, words):
    path.write_bytes(content)
    with pytest.raises(io.CheckpointError, match=words) as caught:
        io.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "state, metadata, words",
    [
        ({"w": np.ones(1)}, {seal.MARK: "x"}, "under a name of your own"),
        ({"w": np.array(["a"])}, None, r"state\['w'\] has dtype <U1"),
        ({"w": np.array([None])}, None, r"state\['w'\] has dtype object"),
        ({"w": np.ones(1, complex)}, None, "complex128, which a tensor file cannot"),
        ({3: np.ones(1)}, None, "3 cannot name an array"),
        ({"__metadata__": np.ones(1)}, None, "cannot name an array"),
        ({"w": np.ones(1)}, {"step": 3}, "metadata holds strings only, got 'step': 3"),
    ],
)
def test_wrong_states_are_sentences(path, state, metadata, words):
    with pytest.raises(io.CheckpointError, match=words):
        io.save(path, state, metadata)
    assert not path.exists()


def test_missing_file_folder_and_package(path, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no file .*state\.safetensors"):
        io.load(path)
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        io.save(tmp_path / "nowhere" / "x", {})
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "tinyft\[course\]"'):
        io.save(path, state())


def test_atomic_write_keeps_the_old_file_on_failure(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    io.atomic_write(path, "old")

    def half(file):
        file.write(b"ne")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        io.atomic_write(path, half)

    def refuse(source, target):
        raise PermissionError(f"{target} is open in another program")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match="is open in another program"):
        io.atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_atomic_write_of_bytes_text_function_and_link(tmp_path):
    path = tmp_path / "x"
    io.atomic_write(path, b"1")
    assert path.read_bytes() == b"1"
    io.atomic_write(str(path), "é")
    assert path.read_bytes() == "é".encode()
    io.atomic_write(path, lambda file: file.write(b"3"))
    assert path.read_bytes() == b"3"
    link = tmp_path / "link"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("this system does not let the test make links")
    io.atomic_write(link, b"4")
    assert link.is_symlink() and path.read_bytes() == b"4"


def test_loading_holds_every_array_once(tmp_path):
    """Four arrays of 2 MB and their file: what is allocated is the arrays."""
    path, shape = tmp_path / "x.safetensors", (512, 1024)
    io.save(path, {n: np.full(shape, i, "f4") for i, n in enumerate("abcd")})
    io.load(path)
    tracemalloc.start()
    state = io.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(a.nbytes for a in state.values())
    assert size <= peak < 1.05 * size and all(a.flags.writeable for a in state.values())
