"""EWC over tasks, and two more Fishers: closed forms of softmax regression."""

import itertools

import numpy as np
import pytest

from tinyft import nn, optim, tensor
from tinyft.transfer import fisher_diagonal
from tinyft.transfer.continual import EWC


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    layer = nn.Linear(4, 3, bias=False, rng=rng, dtype="float64")
    X, y = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    return layer, X, y, softmax(X @ layer.weight.data.T)


def test_argmax_takes_the_likeliest_class(case):
    layer, X, y, p = case
    F = fisher_diagonal(layer, [(X[:3], y[:3]), (X[3:], y[3:])], "argmax")["weight"]
    r = p - np.eye(3)[p.argmax(1)]
    np.testing.assert_allclose(F, (r**2).T @ X**2 / 8, rtol=1e-12)
    true = fisher_diagonal(layer, [(X, y)])["weight"]
    two = nn.Linear(4, 2, bias=False, rng=np.random.default_rng(1), dtype="float64")
    q = softmax(X @ two.weight.data.T)[:, :1]
    least = fisher_diagonal(two, [(X, y)], "argmax")["weight"][0]
    np.testing.assert_allclose(least, (np.minimum(q, 1 - q) ** 2 * X**2).mean(0))
    assert (least <= fisher_diagonal(two, [(X, y)])["weight"][0]).all()
    assert F.sum() < true.sum()


def test_batch_squares_the_mean_gradient_of_each_batch(case):
    layer, X, y, p = case
    g = (p - np.eye(3)[y])[:, :, None] * X[:, None]  # (n, 3, 4), each example's slope
    cut = [(X[:3], y[:3]), (X[3:], y[3:])]
    F = fisher_diagonal(layer, cut, "batch")["weight"]
    want = (g[:3].mean(0) ** 2 + g[3:].mean(0) ** 2) / 2
    np.testing.assert_allclose(F, want, rtol=1e-12)
    ones = [(X[i : i + 1], y[i : i + 1]) for i in range(8)]
    np.testing.assert_allclose(
        fisher_diagonal(layer, ones, "batch")["weight"],
        fisher_diagonal(layer, [(X, y)], "empirical")["weight"],
        rtol=1e-12,
    )


def test_batches_without_replacement_have_their_factor():
    """All 56 batches of 3 of 8: ḡ² + var (N−B)/(B(N−1)), by enumeration."""
    g = np.random.default_rng(2).normal(size=8) + 0.3
    squares = [np.mean(g[list(b)]) ** 2 for b in itertools.combinations(range(8), 3)]
    want = g.mean() ** 2 + g.var() * (8 - 3) / (3 * 7)
    assert np.mean(squares) == pytest.approx(want, rel=1e-12)


def test_the_penalty_has_its_half_and_the_fishers_add_up(case):
    layer, X, y, _ = case
    ewc = EWC(strength=6.0)
    assert ewc.penalty() == 0.0
    ewc.finish(layer, [(X, y)])
    F1 = fisher_diagonal(layer, [(X, y)])["weight"]
    layer.weight.data = layer.weight.data + 0.5
    np.testing.assert_allclose(ewc.penalty().item(), 3.0 * F1.sum() * 0.25, rtol=1e-12)
    ewc.finish(layer, [(X[:4], y[:4])])
    F2 = fisher_diagonal(layer, [(X[:4], y[:4])])["weight"]
    np.testing.assert_allclose(ewc.importance["weight"], F1 + F2, rtol=1e-12)
    assert ewc.penalty().item() == 0.0  # the anchor moved along
    layer.weight.data = layer.weight.data - 1.0
    ewc.penalty().backward()
    np.testing.assert_allclose(layer.weight.grad.data, -6.0 * (F1 + F2), rtol=1e-12)


def test_strength_zero_and_none_train_alike(case):
    layer, X, y, _ = case
    ewc = EWC(0.0, "argmax")
    ewc.finish(layer, [(X, y)])
    layer.weight.data = layer.weight.data + 1.0
    step = optim.SGD(layer.parameters(), lr=0.1)
    ((layer(tensor(X)) ** 2).mean() + ewc.penalty()).backward()
    with_it = layer.weight.grad.data.copy()
    step.zero_grad()
    (layer(tensor(X)) ** 2).mean().backward()
    np.testing.assert_array_equal(with_it, layer.weight.grad.data)


def test_bad_input_is_refused(case):
    layer, X, y, _ = case
    with pytest.raises(ValueError, match="strength=-1 should be finite and >= 0"):
        EWC(-1)
    with pytest.raises(ValueError, match="no example"):
        EWC(1.0).finish(layer, [(X[:0], y[:0])])
    with pytest.raises(ValueError, match="no example"):
        EWC(1.0, "batch").finish(layer, [(X[:0], y[:0])])
    with pytest.raises(ValueError, match="needs a generator"):
        EWC(1.0, "sampled").finish(layer, [(X, y)])
