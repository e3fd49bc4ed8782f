"""The diagonal Fisher of a softmax regression has a closed form; and the errors.

For logits Wx + b:  F(W_cj) = mean of p_c(1 − p_c) x_j²,  F(b_c) = mean of p_c(1 − p_c).
"""

import numpy as np
import pytest

from tinyft import models, nn
from tinyft.transfer import fisher_diagonal, freeze


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    layer = nn.Linear(4, 3, rng=rng, dtype="float64")
    X, y = rng.normal(size=(7, 4)), rng.integers(0, 3, 7)
    z = X @ layer.weight.data.T + layer.bias.data
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return layer, X, y, p


def test_true_fisher_is_the_closed_form(case):
    layer, X, y, p = case
    F = fisher_diagonal(layer, [(X[:5], y[:5]), (X[5:], y[5:])])
    q = p * (1 - p)
    np.testing.assert_allclose(F["weight"], q.T @ X**2 / 7, rtol=1e-12)
    np.testing.assert_allclose(F["bias"], q.mean(0), rtol=1e-12)


def test_empirical_fisher_is_the_mean_of_squares_at_the_labels(case):
    layer, X, y, p = case
    F = fisher_diagonal(layer, [(X, y)], kind="empirical")
    r = (np.eye(3)[y] - p) ** 2  # squared per example, then averaged
    np.testing.assert_allclose(F["bias"], r.mean(0), rtol=1e-12)
    np.testing.assert_allclose(F["weight"], r.T @ X**2 / 7, rtol=1e-12)


def test_sampled_fisher_is_unbiased(case):
    layer, X, y, p = case
    rng, times = np.random.default_rng(1), 400
    batches = [(np.repeat(X, times, axis=0), np.repeat(y, times))]
    F = fisher_diagonal(layer, batches, "sampled", rng)["bias"]
    one = np.array([[(np.eye(3)[c] - p[i]) ** 2 for c in range(3)] for i in range(7)])
    mean = (p[:, :, None] * one).sum(1)
    spread = ((p[:, :, None] * one**2).sum(1) - mean**2).mean(0)  # of one draw
    z = (F - mean.mean(0)) / np.sqrt(spread / (7 * times))
    assert np.max(np.abs(z)) < 4


def test_modes_and_gradients_are_left_as_they_were():
    model = models.resnet_tiny(np.random.default_rng(0), widths=(2, 2, 2))
    model.layer1.eval()
    before = [m.training for m in model.modules()]
    statistics = [b.data.copy() for b in model.buffers()]
    x = np.random.default_rng(1).random((3, 1, 8, 8), dtype=np.float32)
    F = fisher_diagonal(model, [(x, np.zeros(3, int))], kind="empirical")
    assert [m.training for m in model.modules()] == before
    assert all(np.array_equal(a, b.data) for a, b in zip(statistics, model.buffers()))
    assert all(p.grad is None for p in model.parameters())
    assert all(F[n].shape == p.shape for n, p in model.named_parameters())
    assert all((F[n] >= 0).all() and F[n].dtype == np.float32 for n in F)


def test_frozen_parameters_are_left_out(case):
    layer, X, y, _ = case
    freeze(layer, "weight")
    assert list(fisher_diagonal(layer, [(X, y)])) == ["bias"]
    freeze(layer, "bias")
    with pytest.raises(ValueError, match="no parameter to measure"):
        fisher_diagonal(layer, [(X, y)])


@pytest.mark.parametrize("kind", ["sampled", "exact"])
def test_a_wrong_kind_or_no_generator_is_refused(case, kind):
    layer, X, y, _ = case
    with pytest.raises(ValueError, match=r"one of true, sampled, empirical.*generator"):
        fisher_diagonal(layer, [(X, y)], kind)


def test_no_example_is_refused(case):
    with pytest.raises(ValueError, match="no example"):
        fisher_diagonal(case[0], [])
