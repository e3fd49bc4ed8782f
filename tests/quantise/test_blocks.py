"""Blocks, bytes and constants against definitions written out here in float64."""

import numpy as np
import pytest

from tinyft.quantise import (
    CODES,
    Code,
    bits_per_weight,
    dequantise,
    measured_error,
    packed_bytes,
    quantise,
)
from tinyft.quantise import blocks as machinery

NF4 = np.array(CODES["nf4"].levels, "float32")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def brute_force(W, block, levels, affine=False):
    """(index of the nearest level, ŵ) in float64, block by block, by an argmin."""
    flat, index, out = W.reshape(-1).astype("float64"), [], []
    for start in range(0, len(flat), block):
        w = flat[start : start + block]
        low = w.min() if affine else 0.0
        scale = w.max() - w.min() if affine else np.abs(w).max()
        grid = low + scale * np.array(levels, "float64")
        k = np.abs(w[:, None] - grid).argmin(axis=1)
        index.append(k)
        out.append(grid[k])
    return np.concatenate(index), np.concatenate(out).reshape(W.shape)


def unpacked(codes, n):
    """High four bits first."""
    return np.stack([codes >> 4, codes & 15], axis=1).reshape(-1)[:n]


def test_a_block_by_hand():
    """Levels 0, 15, 7, 8, 1, 14 … of scale 2.5: bytes 0x0f 0x78 0x1e, and back exactly."""
    index = np.array([0, 15, 7, 8, 1, 14, 2, 13, 3, 12, 4, 11, 5, 10, 6, 9])
    W = (NF4[index] * np.float32(2.5)).reshape(4, 4)
    packed = quantise(W, 16, "nf4", double=False)
    want = bytes.fromhex("0f781e2d3c4b5a69")
    assert packed.codes.tobytes() == want
    assert packed.scale.tolist() == [2.5]
    assert np.array_equal(dequantise(packed), W)


@pytest.mark.parametrize("code", ["nf4", "even", "int4"])
@pytest.mark.parametrize("block", [16, 64, 256])
@pytest.mark.parametrize("shape", [(13, 64), (7, 33), (5, 3)])  # odd, partial, short
def test_the_nearest_level_by_brute_force(code, block, shape):
    W = normal(*shape, seed=block)
    packed = quantise(W, block, code, double=False)
    index, want = brute_force(W, block, CODES[code].levels, code == "int4")
    assert np.array_equal(unpacked(packed.codes, W.size), index)
    # one rounding of the scale and one of the product, both float32
    np.testing.assert_allclose(dequantise(packed), want, atol=3e-7 * np.abs(W).max())


def test_half_way_goes_to_the_lower_level():
    middle = (NF4[9] + NF4[10]) / np.float32(2)
    above = np.nextafter(middle, np.float32(1))
    W = np.array([[1.0, middle, above] + [0.0] * 13], "float32")
    assert unpacked(quantise(W, 16).codes, 16).tolist()[:3] == [15, 9, 10]


def test_the_last_block_has_a_scale_of_its_own():
    W = np.full((1, 70), 2.0, "float32")
    W[0, 64:] = 0.5
    packed = quantise(W, 64, double=False)
    assert packed.scale.tolist() == [2.0, 0.5]
    assert np.array_equal(dequantise(packed), W)
    odd = quantise(W[:, :67], 64, double=False)
    assert len(odd.codes) == 34 and odd.codes[-1] == (15 << 4 | 7)  # padded with zero


@pytest.mark.parametrize("double", [True, False])
def test_a_block_of_zeros_is_exactly_zero(double):
    W = normal(4, 256)
    W[1, 64:128] = 0.0
    W[3] = 0.0
    found = dequantise(quantise(W, 64, double=double))
    assert (found[1, 64:128] == 0).all() and (found[3] == 0).all()
    assert (dequantise(quantise(0 * W, 64, double=double)) == 0).all()


def test_constant_blocks_of_the_affine_code_are_exact():
    W = np.repeat(normal(6, 1), 32, axis=1)
    assert np.array_equal(dequantise(quantise(W, 32, "int4")), W)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_block_with_nan_or_inf_is_named(bad):
    W = normal(4, 64)
    W[2, 5] = bad
    with pytest.raises(ValueError, match=r"block 2 \(weights 128 and after"):
        quantise(W, 64)


@pytest.mark.parametrize("block", [0, 8, 48, 100, 8192, 64.0, True, None])
def test_a_block_that_is_no_power_of_two_is_refused(block):
    with pytest.raises(ValueError, match="a power of two from 16 to 4096"):
        quantise(normal(4, 64), block)


@pytest.mark.parametrize("W", [np.ones((4, 4), int), np.ones((0, 4), "f4"), [[1.0]]])
def test_what_is_no_matrix_of_floats_is_refused(W):
    with pytest.raises(TypeError, match="expected an array of floats"):
        quantise(W)


@pytest.mark.parametrize("code", ["even", "int4"])
def test_double_quantisation_needs_a_zero(code):
    with pytest.raises(ValueError, match="zero is a level"):
        quantise(normal(4, 64), 64, code, double=True)
    assert quantise(normal(4, 64), 64, code).nested is None
    assert quantise(normal(4, 64), 64, "nf4").nested is not None


@pytest.mark.parametrize("block", [32, 64, 128])
@pytest.mark.parametrize("shape", [(128, 512), (37, 91), (3, 5)])
@pytest.mark.parametrize(
    "code, double", [("nf4", True), ("nf4", False), ("int4", False)]
)
def test_bytes_to_the_byte(code, double, shape, block):
    n, affine = shape[0] * shape[1], code == "int4"
    count = -(-n // block)
    want = (n + 1) // 2 + (count + 4 * -(-count // 256) + 4 if double else 4 * count)
    want += 4 * count * affine
    packed = quantise(normal(*shape), block, code, double)
    assert packed.nbytes == packed_bytes(shape, block, double, affine) == want


def test_bits_to_the_bit():
    assert bits_per_weight() == 4 + 8 / 64 + 32 / (64 * 256) == 4.126953125
    assert bits_per_weight(double=False) == 4.5
    assert bits_per_weight(affine=True, double=False) == 5
    W = normal(64, 1024)  # 1024 blocks, 4 blocks of scales: the mean's 32 bits are left
    assert 8 * quantise(W).nbytes == W.size * 4.126953125 + 32


def test_the_constants_by_brute_force():
    """Mean removed, blocks of 256, the nearest of the 256 levels; within half a percent."""
    from tinyft.quantise import dynamic_levels

    W, levels = normal(300, 64), np.array(dynamic_levels())
    exact = np.abs(W).max(axis=1).astype("float64")
    found = machinery.scales(quantise(W, 64))
    rest, want = exact - exact.mean(), []
    for start in (0, 256):
        part = rest[start : start + 256]
        m = np.abs(part).max()
        nearest = np.abs(part[:, None] / m - levels).argmin(axis=1)
        want.append(levels[nearest] * m)
    np.testing.assert_allclose(found, np.concatenate(want) + exact.mean(), rtol=1e-6)
    assert 1e-5 < np.abs(found / exact - 1).max() < 5e-3


def test_double_quantisation_costs_less_than_a_thousandth():
    """Its levels are 0.9/64 = 0.014 apart where most scales lie, in units of the largest
    deviation, 1.4 standard deviations: the rms error of a scale is 0.0057, so (w/m)²
    times its square adds some 5e-6 to 8.4e-3. Even int8 levels would add about half."""
    W = normal(8192, 64, seed=3)
    once, twice = (measured_error(W, 64, double=d) for d in (False, True))
    assert once < twice < once * 1.001


def test_float64_is_exact_and_float16_rounded_once():
    W = normal(8, 64)
    packed = quantise(W, 64)
    scale, index = machinery.scales(packed), unpacked(packed.codes, W.size)
    exact = NF4[index].astype("float64") * np.repeat(scale, 64).astype("float64")
    assert np.array_equal(dequantise(packed, "float64").reshape(-1), exact)
    half = dequantise(packed, "float16")
    assert np.array_equal(half, dequantise(packed).astype("float16"))


def test_pieces_of_any_size_give_the_same(monkeypatch):
    W = normal(100, 67)
    whole = {code: quantise(W, 32, code) for code in CODES}
    values = {code: dequantise(packed) for code, packed in whole.items()}
    monkeypatch.setitem(machinery.CHUNKS, True, 32)
    for code, packed in whole.items():
        again = quantise(W, 32, code)
        assert all(np.array_equal(a, again.arrays[n]) for n, a in packed.arrays.items())
        assert np.array_equal(dequantise(again), values[code])


def test_a_code_of_ones_own():
    """Fifteen levels, by the same brute force."""
    code, W = Code("sevenths", tuple(k / 7 for k in range(-7, 8))), normal(13, 48)
    packed = quantise(W, 16, code, double=False)
    index, want = brute_force(W, 16, code.levels)
    assert np.array_equal(unpacked(packed.codes, W.size), index)
    np.testing.assert_allclose(dequantise(packed), want, atol=1e-6)


@pytest.mark.parametrize("code", CODES)
def test_numbers_at_the_ends_of_float32(code):
    """Below the smallest normal number a block becomes 0 within itself; beyond what the
    scales and their mean can hold there is a sentence."""
    small = np.float32(1e-41) * np.arange(-8, 8, dtype="float32")
    found = dequantise(quantise(small.reshape(1, 16), 16, code))
    assert np.abs(found - small).max() <= 1.2e-38
    large = np.full((4, 16), 3e38, "float32")
    large[:, ::2] *= -1
    with pytest.raises(ValueError, match="divide the weights"):
        quantise(large, 16, code)


def test_a_second_rounding_changes_nothing():
    once = dequantise(quantise(normal(16, 64), 64, double=False))
    assert np.array_equal(dequantise(quantise(once, 64, double=False)), once)
