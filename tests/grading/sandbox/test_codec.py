"""The codec: what passes comes back the same; whatever else arrives is refused."""

import json

import numpy as np
import pytest

from tinyft.grading.sandbox import codec

PASS = [
    None,
    True,
    -(2**63) + 1,
    0.1,
    float("inf"),
    -0.0,
    1 - 2j,
    "λ \udce9\n\x00",
    (),
    [1, (2.5, [None])],
    {"a": {"b": (1,)}, "": "x"},
    np.float32(0.1),
    np.bool_(True),
    np.arange(6.0).reshape(2, 3),
    np.zeros((0, 4), "f2"),
    np.array(3),
    np.array([True, False]),
    np.ones((2, 2), complex),
    np.arange(6, dtype=">i4")[::-2],
    np.eye(3, order="F"),
]


def same(a, b):
    if isinstance(a, (np.ndarray, np.generic)):
        kinds = type(a) is type(b) and a.dtype.newbyteorder("<") == b.dtype
        return kinds and a.shape == b.shape and np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and repr(a) == repr(b)


@pytest.mark.parametrize("value", PASS, ids=repr)
def test_what_passes_comes_back_the_same(value):
    found = codec.unpack(codec.pack(value))
    assert same(value, found)
    if isinstance(found, np.ndarray):
        assert (
            type(found) is np.ndarray and found.flags.writeable and found.flags.owndata
        )


def test_nan_passes():
    assert np.isnan(codec.unpack(codec.pack(float("nan"))))
    found = codec.unpack(codec.pack(np.array([np.nan, np.inf])))
    assert np.isnan(found[0]) and found[1] == np.inf


class Sub(np.ndarray):
    """A kind of array."""


class Word(str):
    """A kind of text."""


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


REFUSED = [
    (2**63, "an integer of more than 64 bits"),
    ({1: 2}, "a dict whose keys are not all strings"),
    ({1}, "a set"),
    (object(), "an object"),
    (Word("x"), "a Word (a kind of str)"),
    (np.zeros(2).view(Sub), "a Sub (a kind of ndarray)"),
    (np.ma.zeros(2), "a MaskedArray (a kind of ndarray)"),
    (np.array([None]), "an array of object"),
    (np.array(["a"]), "an array of <U1"),
    (np.zeros(2, "i4,f8"), "an array of [('f0', '<i4'), ('f1', '<f8')]"),
    (np.datetime64("2020"), "an array of datetime64[Y]"),
    (np.longdouble(1), "an array of"),
    (np.zeros(2**20 + 1), "an array of 8 MiB"),
    (np.broadcast_to(0.0, (10**6, 10**6)), "an array of 7629394 MiB"),
    ([np.zeros(2**19)] * 3, "more than 8 MiB"),
    (deep(codec.DEPTH + 1), "more than 12 levels"),
    (list(range(codec.PARTS)), "200000 parts"),
    ("x" * (codec.TEXT + 1), "more than 8 MiB"),
]


@pytest.mark.parametrize("value, said", REFUSED, ids=[said for _, said in REFUSED])
def test_what_may_not_pass_is_named(value, said):
    with pytest.raises(codec.Refused) as refused:
        codec.pack(value)
    assert said in str(refused.value)


def message(tree, body=b"", size=None, rest=None):
    """A message of any tree."""
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    size, rest = size or len(text), len(body) if rest is None else rest
    return codec.LENGTHS.pack(size, rest) + text + body


FORGED = [
    b"",
    b"\x00" * 7,
    message(b"", b""),
    message(b"nan"),
    message(b"NaN"),
    message(b"[1"),
    message(b"[" * 100_000),
    message(5),
    message("x"),
    message([]),
    message({}),
    message(["i"]),
    message(["i", 1, 2]),
    message(["i", True]),
    message(["i", 1.5]),
    message(["i", 2**63]),
    message(["f", "x"]),
    message(["f", 1]),
    message(["c", "0x1p0"]),
    message(["s", 1]),
    message(["t", {}]),
    message(["d", [["a", None], ["a", None]]]),
    message(["d", [[1, None]]]),
    message(["d", [["a"]]]),
    message(["__class__", 1]),
    message(["init__", 1]),
    message([["i"], 1]),
    message(["a", "<f8", [2]], b"\0" * 15),
    message(["a", "<f8", [2]], b"\0" * 17),
    message(["a", "<f8", [-1]]),
    message(["a", "<f8", [2.0]], b"\0" * 16),
    message(["a", "<f8", [2**40, 2**40]]),
    message(["a", "<f8", [0] * 9]),
    message(["a", "|O", [1]], b"\0" * 8),
    message(["a", "O", [1]], b"\0" * 8),
    message(["a", ["<f8"], [1]], b"\0" * 8),
    message(["n", "<f8", [1]], b"\0" * 8),
    message(["i", 1], rest=8),
    message(["i", 1], size=3),
    message(["l", [None] * (codec.PARTS + 1)]),
]


@pytest.mark.parametrize("data", FORGED, ids=lambda data: repr(bytes(data[8:40])))
def test_a_forged_message_is_refused(data):
    with pytest.raises(codec.Refused):
        codec.unpack(data)


def test_a_byte_of_seven_is_a_plain_bool():
    found = codec.unpack(message(["a", "|b1", [3]], b"\x00\x07\x01"))
    assert found.tobytes() == b"\x00\x01\x01"


def test_mutated_messages_are_refused_or_plain():
    """5,000 messages with bytes changed, cut off or added: data or Refused, no more."""
    rng = np.random.default_rng(0)
    plain = (type(None), bool, int, float, complex, str, tuple, list, dict)
    for value in rng.choice(len(PASS), 5000):
        data = bytearray(codec.pack(PASS[value]))
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data) + 1))
            data[at : at + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        try:
            found = codec.unpack(bytes(data))
        except codec.Refused:
            continue
        assert type(found) in plain or isinstance(found, (np.ndarray, np.generic))
