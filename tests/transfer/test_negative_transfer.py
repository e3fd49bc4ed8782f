"""The transfer gap against two fits by L2-SP: noise-free, so to rounding, 1e-10."""

import math

import numpy as np
import pytest

from tinyft.transfer import transfer_gap
from tinyft.transfer.l2sp import closed_form


def case(n=9, d=4):
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(d, d))
    X, moments = rng.normal(size=(n, d)) @ mix, mix.T @ mix
    return X, moments, rng.normal(size=d), rng.normal(size=d)


@pytest.mark.parametrize("n", [9, 3])
def test_it_is_the_difference_of_two_risks(n):
    X, moments, target, source = case(n)

    def risk(start):
        e = closed_form(X, X @ target, start, 0.3) - target
        return e @ moments @ e

    want = risk(source) - risk(0 * source)
    assert transfer_gap(X, moments, target, source, 0.3) == pytest.approx(
        want, rel=1e-9
    )


def test_isotropic_designs_compare_distances():
    rng = np.random.default_rng(1)
    X = math.sqrt(8) * np.linalg.qr(rng.normal(size=(8, 3)))[0]
    target, source, lam = rng.normal(size=3), rng.normal(size=3), 0.4
    squares = np.sum((target - source) ** 2) - target @ target
    want = (2 * lam / (1 + 2 * lam)) ** 2 * squares
    got = transfer_gap(X, np.eye(3), target, source, lam)
    assert got == pytest.approx(want, rel=1e-12)


def test_a_source_nearer_than_zero_can_harm():
    X = np.diag([6.0, 0.5])
    target, source = np.array([3.0, 0.2]), np.array([3.0, 1.7])
    assert np.linalg.norm(source - target) < np.linalg.norm(target)
    assert transfer_gap(X, np.eye(2), target, source, 0.3) > 0


def test_no_source_and_the_target_itself():
    X, moments, target, _ = case()
    assert transfer_gap(X, moments, target, 0 * target, 0.3) == 0
    assert transfer_gap(X, moments, target, target, 0.3) < 0


def test_bad_input_is_a_sentence():
    X, moments, target, source = case()
    with pytest.raises(
        ValueError, match=r"source should have shape \(4,\).*got \(3,\)"
    ):
        transfer_gap(X, moments, target, source[:3], 0.3)
    with pytest.raises(ValueError, match="strength=0 should be > 0"):
        transfer_gap(X, moments, target, source, 0)
    with pytest.raises(ValueError, match="no array may hold NaN"):
        transfer_gap(X, moments, target, math.nan * source, 0.3)
