"""Blocks of GGUF to the bit: against a scalar reading, and against ggml's own package."""

import numpy as np
import pytest
from scalar_blocks import SCALAR

from tinyft.quantise.ggml import FORMS, byte_count, decode


def drawn(kind, rows=3, blocks=4, seed=0):
    """Random bytes whose scales are finite, as a file has them; (raw, shape)."""
    rng, form = np.random.default_rng(seed), FORMS[kind]
    raw = rng.integers(0, 256, (rows * blocks, form.bytes), dtype=np.uint8)
    scales = {"Q4_1": (0, 2), "Q4_K": (0, 2), "Q6_K": (208,), "F32": ()}.get(kind, (0,))
    for at in scales:
        numbers = rng.normal(0, 0.1, len(raw)).astype("<f2")
        raw[:, at : at + 2] = numbers[:, None].view(np.uint8)
    if kind == "F32":
        raw[:] = rng.normal(size=len(raw)).astype("<f4")[:, None].view(np.uint8)
    return raw.ravel(), (rows, blocks * form.weights)


@pytest.mark.parametrize("kind", FORMS)
def test_every_bit_is_that_of_the_scalar_reading(kind):
    raw, shape = drawn(kind)
    size = FORMS[kind].bytes
    parts = [raw[i : i + size].tobytes() for i in range(0, raw.size, size)]
    expected = np.array([w for part in parts for w in SCALAR[kind](part)], np.float32)
    found = decode(kind, raw, shape)
    assert found.shape == shape and found.dtype == np.float32
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", FORMS)
def test_every_bit_is_that_of_the_package(kind):
    """On any bytes, infinite and NaN scales included."""
    gguf = pytest.importorskip("gguf", reason="pip install gguf")
    rng, form = np.random.default_rng(1), FORMS[kind]
    raw = rng.integers(0, 256, (5, 60 * form.bytes), dtype=np.uint8)
    with np.errstate(all="ignore"):
        expected = gguf.dequantize(raw, gguf.GGMLQuantizationType[kind])
    found = decode(kind, raw, (5, 60 * form.weights))
    finite = np.isfinite(expected)
    assert np.array_equal(np.isfinite(found), finite) and finite.any()
    assert found[finite].tobytes() == expected[finite].tobytes()


def test_rows_of_a_tensor_are_a_tensor():
    raw, shape = drawn("Q4_K", rows=4)
    whole = decode("Q4_K", raw, shape)
    part = decode("Q4_K", raw.reshape(4, -1)[1:3], (2, shape[1]))
    assert np.array_equal(part, whole[1:3])


def test_what_decode_refuses():
    raw, shape = drawn("Q4_1")
    with pytest.raises(ValueError, match="'Q2_K' is not one of F32"):
        decode("Q2_K", raw, shape)
    with pytest.raises(ValueError, match=r"has 240 bytes .* got 239"):
        decode("Q4_1", raw[:-1], shape)
    for bad in ((3, 100), (0, 32), (), (3, -32)):
        with pytest.raises(ValueError, match="blocks of 32 weights"):
            byte_count("Q4_1", bad)
