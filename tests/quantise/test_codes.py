"""The code books against the published numbers and against their definition."""

from statistics import NormalDist

import numpy as np
import pytest

from tinyft.quantise import CODES, Code, code_named, dynamic_levels, normal_levels

# As printed in the source of bitsandbytes and in the paper's appendix E.
PUBLISHED = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    "float32",
)


def definition(offset, above=8, below=7):
    """Equation (1) of codes.py in float64, where nothing is rounded on the way."""
    quantile = np.vectorize(NormalDist().inv_cdf)
    up = quantile(np.linspace(offset, 0.5, above + 1)[:-1])
    down = -quantile(np.linspace(offset, 0.5, below + 1)[:-1])
    levels = np.sort(np.concatenate([down, [0.0], up]))
    return levels / levels.max()


def test_nf4_has_the_published_bits():
    found = np.array(CODES["nf4"].levels, "float32")
    assert np.array_equal(found.view("uint32"), PUBLISHED.view("uint32"))


def test_nf4_is_its_definition_to_the_rounding_of_its_probabilities():
    """A float32 probability near o is off by 3e-8, and Φ⁻¹ has slope 1/φ(1.848) = 13.8
    there: 4e-7 in units of the largest, 1.848, at the most."""
    assert np.abs(CODES["nf4"].levels - definition(0.9677083)).max() < 4e-7 / 1.848


def test_the_offset_is_the_mean_of_two_bin_centres():
    assert ((1 - 1 / 30) + (1 - 1 / 32)) / 2 == pytest.approx(929 / 960, abs=3e-16)
    near = np.array(normal_levels(929 / 960))
    assert 1e-9 < np.abs(near - PUBLISHED).max() < 1e-6
    for one_side in (1 - 1 / 30, 1 - 1 / 32):  # told apart from either centre alone
        assert np.abs(np.array(normal_levels(one_side)) - PUBLISHED).max() > 1e-3


def test_eight_above_seven_below_and_an_exact_zero():
    levels = np.array(CODES["nf4"].levels)
    assert len(levels) == 16 and levels[7] == 0.0
    assert (np.diff(levels) > 0).all() and (levels[8:] > 0).all()
    assert not np.allclose(levels, -levels[::-1], atol=0.01)


def test_the_symmetric_book_has_fifteen_values():
    """The answer that a thread gives for NF4 (artidoro/qlora#299): one code is wasted."""
    levels = np.array(normal_levels(above=7, below=7))
    assert len(levels) == 15
    np.testing.assert_allclose(levels, -levels[::-1], atol=1e-7)
    np.testing.assert_allclose(levels[:8], PUBLISHED[:8], atol=1e-7)  # the same half
    assert np.abs(levels[8:] - PUBLISHED[9:]).max() > 0.01


@pytest.mark.parametrize("offset", [1.0, 0.5, 0.2, 1.1, float("nan")])
def test_an_offset_without_quantiles_is_refused(offset):
    with pytest.raises(ValueError, match="at 1 the quantile is infinite"):
        normal_levels(offset)


def test_even_levels_are_even():
    np.testing.assert_allclose(CODES["even"].levels, np.linspace(-1, 1, 16), atol=6e-8)
    np.testing.assert_allclose(CODES["int4"].levels, np.arange(16) / 15, atol=6e-8)
    assert not CODES["even"].has_zero and not CODES["int4"].has_zero


def test_the_dynamic_map_is_even_within_each_decade():
    """2ⁱ centres of even bins of [0.1, 1], times 10^(i−6), with both signs; 0 and 1."""
    centres = [
        10.0 ** (i - 6) * (0.1 + 0.9 * (np.arange(2**i) + 0.5) / 2**i) for i in range(7)
    ]
    want = np.concatenate([*centres, *(-c for c in centres), [0.0, 1.0]])
    assert len(set(dynamic_levels())) == 256
    np.testing.assert_allclose(dynamic_levels(), np.sort(want), rtol=2e-7)


@pytest.mark.parametrize(
    "levels, affine",
    [
        ((-1.0, 0.0, 0.9), False),
        ((0.0, 1.0), False),
        ((-1.0, 1.0), True),
        ((-1.0, 0.5, 0.0, 1.0), False),
        ((-1.0, 0.0, 0.0, 1.0), False),
        (tuple(np.linspace(-1, 1, 17)), False),
    ],
)
def test_a_code_of_ones_own_is_checked(levels, affine):
    with pytest.raises(ValueError, match="ascending levels from"):
        code_named(Code("own", levels, affine))


@pytest.mark.parametrize("name", ["fp4", "NF4", None, 4])
def test_an_unknown_code_book_is_refused_by_name(name):
    with pytest.raises(ValueError, match="'nf4', 'even', 'int4'"):
        code_named(name)
