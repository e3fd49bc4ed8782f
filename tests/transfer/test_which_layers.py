"""Filters, sensitivities, residuals and floors against dense matrices and descent.

Tolerances: 1e-12 relative for transforms and small solves in float64; phase averages
take more phases than the polynomial has, so they are exact as well.
"""

import numpy as np
import pytest

from tinyft import nn, tensor, transfer
from tinyft.transfer import frequency

EXACT = 1e-12
N, BOX = 24, np.full(3, 1 / 3)


def cosine(j, n=N):
    u = np.cos(2 * np.pi * j / n * np.arange(n))
    return u / np.linalg.norm(u)


def dense(kernel, n=N):
    """The matrix of circular cross-correlation, entry by entry."""
    K = np.zeros((n, n))
    for i in range(n):
        for lag, k in enumerate(kernel):
            K[i, (i + lag - len(kernel) // 2) % n] += k
    return K


def test_wave_is_a_unit_norm_cosine():
    for j in (0, 1, 5, 12):
        assert np.allclose(frequency.wave(N, j), cosine(j), atol=EXACT)
    turned = frequency.wave(N, 5, 0.7)
    want = np.cos(2 * np.pi * 5 / N * np.arange(N) + 0.7) / np.sqrt(N / 2)
    assert np.allclose(turned, want, atol=EXACT)


@pytest.mark.parametrize(("n", "j", "alias"), [(8, 5, 3), (8, 8, 0), (7, 4, 3)])
def test_wave_beyond_nyquist_is_refused_with_its_alias(n, j, alias):
    want = f"frequency {j} is beyond Nyquist's {n / 2:g} .* wave of frequency {alias}"
    with pytest.raises(ValueError, match=want):
        frequency.wave(n, j)
    fast, slow = (np.cos(2 * np.pi * f / n * np.arange(n)) for f in (j, alias))
    assert np.allclose(fast, slow)  # what the sentence says is true


def test_other_bad_frequencies():
    with pytest.raises(ValueError, match="not a whole number of cycles"):
        frequency.wave(N, 2.5)
    with pytest.raises(ValueError, match="beyond Nyquist"):
        frequency.wave(N, -1)
    with pytest.raises(ValueError, match="gives zeros"):
        frequency.wave(N, N // 2, np.pi / 2)


@pytest.mark.parametrize("j", [0, 1, 8, 12])
def test_gain_is_what_the_matrix_does_to_a_wave(j):
    kernel = np.array([0.3, -1.1, 0.4, 0.2, 0.9])
    u = np.exp(2j * np.pi * j / N * np.arange(N))
    want = np.linalg.norm(dense(kernel) @ u) / np.linalg.norm(u)
    assert transfer.gain(kernel, N)[j] == pytest.approx(want, rel=EXACT)


def test_gain_of_the_box_is_0_at_a_third_and_a_third_at_nyquist():
    g = transfer.gain(BOX, N)
    assert g[8] < 1e-15
    assert g[12] == pytest.approx(1 / 3, rel=EXACT)
    assert len(g) == N // 2 + 1


def test_gain_of_image_filters():
    k = np.random.default_rng(0).normal(size=(4, 2, 3, 3))
    g = transfer.gain(k, (8, 6))
    assert g.shape == (4, 2, 8, 4)
    rows, columns = np.mgrid[:3, :3]
    wave = np.exp(-2j * np.pi * (5 * rows / 8 + 2 * columns / 6))
    assert np.allclose(g[..., 5, 2], np.abs((k * wave).sum((2, 3))), rtol=EXACT)
    with pytest.raises(ValueError, match="more taps than"):
        transfer.gain(k, (2, 8))


@pytest.mark.parametrize("j", [0, 3, 12])
def test_sensitivity_is_the_mean_rise_of_the_loss_over_phases(j):
    rng = np.random.default_rng(1)
    k, w, x, y, eps = (
        rng.normal(size=5),
        rng.normal(size=N),
        rng.normal(size=N),
        0.7,
        0.3,
    )
    beta = dense(k).T @ w
    if 0 < j < N / 2:
        waves = [frequency.wave(N, j, p) for p in 2 * np.pi * np.arange(8) / 8]
    else:
        waves = [frequency.wave(N, j), -frequency.wave(N, j)]
    rise = [
        ((x + eps * u) @ beta - y) ** 2 / 2 - (x @ beta - y) ** 2 / 2 for u in waves
    ]
    want = transfer.sensitivity(k, w)[j] * eps**2 / 2
    assert np.mean(rise) == pytest.approx(want, rel=1e-11)


def test_residual_correlation_of_white_inputs_is_the_missing_part():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 7))
    x = np.sqrt(60) * np.linalg.qr(x)[0]  # exactly white
    beta, target = rng.normal(size=(2, 7))
    got = transfer.residual_correlation(x, x @ target - x @ beta)
    assert np.allclose(got, target - beta, atol=EXACT)
    images = transfer.residual_correlation(x.reshape(60, 7, 1), x @ target)
    assert images.shape == (7, 1)
    with pytest.raises(ValueError, match="one residual"):
        transfer.residual_correlation(x, np.ones((60, 2)))


@pytest.mark.parametrize("n", [6, 7])
def test_energy_sums_to_the_square(n):
    a = np.random.default_rng(3).normal(size=(2, n))
    e = frequency.energy(a)
    assert np.allclose(e.sum(-1), (a**2).sum(-1), rtol=EXACT)
    only = frequency.energy(2.5 * cosine(2, n))
    assert only[2] == pytest.approx(6.25, rel=EXACT)
    assert np.delete(only, 2).max() < 1e-20


def test_filtered_is_the_transposed_matrix():
    rng = np.random.default_rng(4)
    k, w = rng.normal(size=5), rng.normal(size=N)
    assert np.allclose(frequency.filtered(k, w), dense(k).T @ w, atol=EXACT)


@pytest.mark.parametrize("case", ["high", "low"])
def test_floors_are_where_descent_ends(case):
    """A11: HIGH 1, 0, 1 and LOW 4.636, 2.25, 0 for frozen, early, late."""
    w = 0.5 * cosine(2) + cosine(8)
    low = 0.5 * (1 + 2 * np.cos(2 * np.pi * 2 / N)) / 3 * cosine(2)
    target = low + cosine(8) if case == "high" else 2 * cosine(2) + 1.5 * cosine(3)
    got = frequency.floors(BOX, w, target)
    k, v = BOX.copy(), w.copy()
    for _ in range(4000):
        k = k - 0.3 * np.array([np.roll(w, i) for i in (-1, 0, 1)]) @ (
            dense(k).T @ w - target
        )
        v = v - 0.9 * dense(BOX) @ (dense(BOX).T @ v - target)
    risk = {
        name: np.sum((dense(a).T @ b - target) ** 2)
        for name, a, b in (("frozen", BOX, w), ("early", k, w), ("late", BOX, v))
    }
    assert got == pytest.approx(risk, abs=1e-9)
    known = {"high": (1.0, 0.0, 1.0), "low": (4.635969, 2.25, 0.0)}[case]
    assert list(got.values()) == pytest.approx(known, abs=1e-6)


def test_relative_gradients():
    a, b = nn.Parameter(np.array([3.0, 4.0])), nn.Parameter(np.array([2.0]))
    (a.sum() * 5.0 + (b * b).sum()).backward()
    got = transfer.relative_gradients({"a": [a], "b": [b], "both": [a, b]})
    assert got["a"] == pytest.approx(np.sqrt(50) / 5)
    assert got["b"] == pytest.approx(4 / 2)
    assert got["both"] == pytest.approx(np.sqrt(66 / 29))


def test_relative_gradients_refuses():
    p = nn.Parameter(np.ones(2))
    with pytest.raises(ValueError, match=r"'x' has not got a gradient; call backward"):
        transfer.relative_gradients({"x": [p]})
    zero = nn.Parameter(np.zeros(2))
    (zero.sum() + tensor(0.0)).backward()
    with pytest.raises(ValueError, match=r"'x' has not got a parameter other than 0"):
        transfer.relative_gradients({"x": [zero]})
