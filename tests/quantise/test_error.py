"""The quadrature against tabulated values, a sum written here, and what is measured."""

import math

import numpy as np
import pytest

from tinyft.quantise import CODES, measured_error, normal_error
from tinyft.quantise.codes import Code, even_levels, normal_levels

# Computed once by adaptive quadrature with another program; six digits.
TABLE = {
    "nf4": (0.006534, 0.007623, 0.008460, 0.009136, 0.009729),
    "int4": (0.004227, 0.006116, 0.008031, 0.009947, 0.011861),
    "even": (0.006321, 0.008197, 0.010085, 0.011979, 0.013879),
}
BLOCKS = (16, 32, 64, 128, 256)
CASES = [(code, B, e) for code, row in TABLE.items() for B, e in zip(BLOCKS, row)]


@pytest.mark.parametrize("code, block, want", CASES)
def test_the_table(code, block, want):
    assert normal_error(code, block) == pytest.approx(want, abs=6e-7)


@pytest.mark.parametrize("code", TABLE)
@pytest.mark.parametrize("block", [32, 64, 128, 256])
def test_measured_is_the_quadrature_to_its_own_scatter(code, block):
    """20 batches of blocks; four standard errors of their mean."""
    rng = np.random.default_rng(block)
    means = [
        measured_error(rng.standard_normal((2048 // 16, block)), block, code)
        for _ in range(20)
    ]
    error = np.std(means, ddof=1) / math.sqrt(20)
    assert abs(np.mean(means) - normal_error(code, block)) < 4 * error
    assert error < 0.01 * normal_error(code, block)


def test_one_value_by_a_plain_sum():
    """NF4 at 64: every w on a fine grid in every block maximum m on a fine grid."""
    levels, B, total = np.array(CODES["nf4"].levels), 64, 0.0
    m = np.linspace(0.5, 6, 441)
    for each in m:
        w = (np.arange(4000) + 0.5) / 2000 * each - each
        q = levels[np.abs(w[:, None] / each - levels).argmin(axis=1)] * each
        phi = np.exp(-w * w / 2)
        inner = ((w - q) ** 2 * phi).sum() / phi.sum()
        inside = math.erf(each / math.sqrt(2))
        density = B * inside ** (B - 1) * 2 * math.exp(-each * each / 2)
        total += inner * density / math.sqrt(2 * math.pi) * (m[1] - m[0])
    assert normal_error("nf4", B) == pytest.approx(63 / 64 * total, rel=1e-5)


def test_who_wins_depends_on_the_block():
    """Affine wins at equal block up to 64 and loses from 128 on; at equal bits it loses."""
    ratio = {B: normal_error("int4", B) / normal_error("nf4", B) for B in BLOCKS}
    assert ratio[16] < ratio[32] < ratio[64] < 1 < ratio[128] < ratio[256]
    for B in (32, 64, 128):  # two constants per 2B weights or one per B: equal bits
        assert normal_error("int4", 2 * B) > 1.04 * normal_error("nf4", B)


def test_wrong_code_books_are_told_apart():
    symmetric = Code("symmetric", normal_levels(above=7, below=7))
    sevenths = Code("sevenths", tuple(k / 7 for k in range(-7, 8)))
    assert normal_error(symmetric) / normal_error("nf4") - 1 > 0.05
    assert normal_error(sevenths, 64) == pytest.approx(0.011578, abs=6e-7)
    assert normal_error(Code("even", even_levels())) == normal_error("even")
