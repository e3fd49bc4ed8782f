"""Information against sums over tables, quadrature, and draws of known distributions.

Tolerances: 1e-12 for finite sums in float64, 1e-9 for quadrature against SciPy-free
Gauss-Hermite, 4.5 standard errors for draws.
"""

import numpy as np
import pytest

from tinyft import transfer
from tinyft.transfer import information

EXACT = 1e-12


def table(counts):
    """z and y of a table of counts, (values of z) × (classes)."""
    z, y = (np.repeat(i.ravel(), counts.ravel()) for i in np.indices(counts.shape))
    return z[:, None].astype(float), y


def test_entropy():
    y = np.array([0, 0, 7, 3])
    assert information.entropy(y) == pytest.approx(1.5 * np.log(2), rel=EXACT)


@pytest.mark.parametrize("corrected", [False, True])
def test_a_table_of_counts(corrected):
    counts = np.array([[4, 1, 3], [2, 6, 0], [1, 1, 6]])
    z, y = table(counts)
    p = counts / counts.sum()
    H = lambda q: -sum(v * np.log(v) for v in q.ravel() if v)  # noqa: E731
    want = H(p.sum(0)) + H(p.sum(1)) - H(p)  # another formula
    if corrected:
        want -= (8 - 3 - 3 + 1) / (2 * 24)
    got = transfer.mutual_information(z, y, 3, corrected)
    assert got == pytest.approx([want], rel=EXACT)


def test_the_names_of_labels_and_the_scale_of_features_do_not_matter():
    rng = np.random.default_rng(0)
    y, z = rng.integers(3, size=50), rng.normal(size=(50, 4))
    want = transfer.mutual_information(z, y)
    got = transfer.mutual_information(np.exp(3 * z), 10 - 4 * y)
    assert np.allclose(got, want, atol=EXACT)


def test_bias_of_independent_features_is_removed():
    rng, runs = np.random.default_rng(1), []
    for _ in range(200):
        z, y = rng.normal(size=(100, 1)), rng.integers(4, size=100)
        runs.append([transfer.mutual_information(z, y, 8, c)[0] for c in (False, True)])
    raw, corrected = np.mean(runs, 0)
    error = np.std(runs, 0)[1] / np.sqrt(200)
    assert abs(raw - 7 * 3 / 200) < 0.02  # (8 − 1)(4 − 1) / 2n = 0.105
    assert raw > 0.08
    assert abs(corrected) < 0.01 + 4.5 * error  # (2) is the first term of a series


def test_values_that_repeat():
    y = np.repeat([0, 1], 20)
    rare = np.where(np.arange(40) == 39, 5.0, 0.0)  # every quantile is 0
    often = 5.0 - rare
    got = transfer.mutual_information(np.stack([rare, often], 1), y, 4, corrected=False)
    p = np.array([[20, 19], [0, 1]]) / 40
    free = p.sum(1, keepdims=True) * p.sum(0)
    want = sum(a * np.log(a / b) for a, b in zip(p.ravel(), free.ravel()) if a)
    assert got == pytest.approx([want, want], rel=1e-9)


def test_xor_is_invisible_to_single_features():
    z = np.array([[i, j] for i in (-1.0, 1.0) for j in (-1.0, 1.0)] * 10)
    y = (z[:, 0] * z[:, 1] > 0).astype(int)
    raw = transfer.mutual_information(z, y, 2, corrected=False)
    assert np.allclose(raw, 0, atol=EXACT)
    joint = (2 * z[:, :1] + z[:, 1:]) + 0.0
    assert transfer.relevance(joint, y, 4)[0] == pytest.approx(1.0, abs=0.05)


def test_relevance_is_1_for_the_label_itself_and_cut_at_0():
    rng = np.random.default_rng(2)
    y = np.repeat([0, 1, 2, 3], 100)
    z = np.stack([y + 0.0, rng.normal(size=400)], 1)
    s = transfer.relevance(z, y, 4)
    raw = transfer.mutual_information(z, y, 4, corrected=False)
    assert raw[0] == pytest.approx(np.log(4), rel=EXACT)
    assert s[0] == pytest.approx((np.log(4) - (4 - 4 - 4 + 1) / 800) / np.log(4), 0.01)
    assert 0 <= s.min() < 0.02
    assert s.max() <= 1


def test_bad_features_and_labels():
    z, y = np.random.default_rng(3).normal(size=(12, 3)), np.arange(12) % 2
    z[:, 1] = 4.0
    want = "feature 1 is constant, 4 in all 12 examples"
    with pytest.raises(ValueError, match=want):
        transfer.mutual_information(z, y)
    with pytest.raises(ValueError, match=want):
        transfer.relevance(z, y)
    z[3, 2] = np.nan
    with pytest.raises(ValueError, match="feature 2 has NaN or infinity"):
        transfer.mutual_information(z, y)
    with pytest.raises(ValueError, match="all labels are the same"):
        transfer.relevance(z[:, :1], 0 * y)
    for bad in ((z[:, 0], y, 4), (z, y[:-1], 4), (z, y, 1)):
        with pytest.raises(ValueError, match=r"features .n, d., a label for each"):
            transfer.mutual_information(*bad)


@pytest.mark.parametrize(("mu", "sd"), [(0.05, 1.0), (0.8, 1.3), (3.0, 0.9)])
def test_two_class_information(mu, sd):
    """H(Z) − H(Z|Y) by the trapezoid rule on the mixture's density."""
    z = np.linspace(-mu - 14 * sd, mu + 14 * sd, 20001)
    p = [
        np.exp(-((z - m) ** 2) / (2 * sd**2)) / np.sqrt(2 * np.pi) / sd
        for m in (-mu, mu)
    ]
    mix = (p[0] + p[1]) / 2
    H = -np.sum(mix * np.log(mix + 1e-300)) * (z[1] - z[0])
    want = H - 0.5 * np.log(2 * np.pi * np.e * sd**2)
    assert information.two_class_information(mu, sd) == pytest.approx(want, abs=1e-9)


def test_bins_lose_information_and_more_bins_lose_less():
    rng = np.random.default_rng(4)
    y = rng.choice([-1, 1], size=200000)
    z = 0.8 * y[:, None] + rng.normal(size=(200000, 1))
    exact = information.two_class_information(0.8, 1.0)
    found = [transfer.mutual_information(z, y, b)[0] for b in (2, 4, 32)]
    assert found[0] < found[1] < found[2] < exact + 0.003
    assert found[2] == pytest.approx(exact, abs=0.003)


def test_channel_information_of_one_dimension():
    """½ ln(1 + signal/noise), and −½ ln(1 − ρ²)."""
    W, cov, sd = np.array([[1.5, -0.4]]), np.array([[2.0, 0.3], [0.3, 1.0]]), 0.7
    signal = (W @ cov @ W.T)[0, 0]
    got = information.channel_information(W, cov, sd)
    assert got == pytest.approx(0.5 * np.log(1 + signal / sd**2), rel=EXACT)
    rho2 = signal / (signal + sd**2)
    assert got == pytest.approx(-0.5 * np.log(1 - rho2), rel=EXACT)


def test_channel_information_adds_up_for_separate_channels():
    W, cov, sd = np.diag([2.0, 0.5]), np.diag([1.0, 3.0]), np.array([0.5, 2.0])
    each = [information.channel_information(W[k : k + 1], cov, sd[k]) for k in (0, 1)]
    got = information.channel_information(W, cov, sd)
    assert got == pytest.approx(sum(each), rel=EXACT)
