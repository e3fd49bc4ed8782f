"""One bias for three calibrations: content-free, trained, recentred without labels."""

import numpy as np
import pytest

from tinyft import evaluation, tensor


@pytest.fixture
def rng():
    return np.random.default_rng(22)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def trained_bias(scores, labels, steps=20000, lr=0.5):
    """Plain gradient descent on the mean cross-entropy, its gradient written out."""
    b, onehot = np.zeros(scores.shape[1]), np.eye(scores.shape[1])[labels]
    for _ in range(steps):
        b = b - lr * (softmax(scores + b) - onehot).mean(0)
    return b - b.mean()


@pytest.mark.parametrize("K", [2, 3, 5])
def test_the_trained_bias_is_the_one_that_matches_the_shares(rng, K):
    labels = np.concatenate([np.arange(K), rng.integers(0, K, 20)])
    scores = 2 * rng.normal(size=(len(labels), K)) + rng.normal(size=K)
    shares = np.bincount(labels) / len(labels)
    found = evaluation.recentring_bias(tensor(scores), shares)
    np.testing.assert_allclose(found, trained_bias(scores, labels), atol=1e-10)
    np.testing.assert_allclose(softmax(scores + found).mean(0), shares, atol=1e-12)
    assert abs(found.sum()) < 1e-12


def test_dividing_by_the_content_free_prediction_is_adding_the_bias(rng):
    scores, empty = rng.normal(size=(6, 3)), 2 * rng.normal(size=(1, 3))
    p, p0 = softmax(scores), softmax(empty)[0]
    divided = p / p0
    divided /= divided.sum(1, keepdims=True)
    for find in (evaluation.content_free_bias, evaluation.recentring_bias):
        np.testing.assert_allclose(softmax(scores + find(empty)), divided, atol=1e-12)
        np.testing.assert_allclose(softmax(empty + find(empty)), 1 / 3, atol=1e-12)


def test_of_several_content_free_prompts_the_two_differ(rng):
    empty = 2 * rng.normal(size=(4, 3))
    mean = softmax(empty).mean(0)
    found = evaluation.content_free_bias(empty)
    np.testing.assert_allclose(softmax(-found), mean, atol=1e-13)
    other = evaluation.recentring_bias(empty)
    np.testing.assert_allclose(softmax(empty + other).mean(0), 1 / 3, atol=1e-12)
    assert abs(found - other).max() > 0.01


@pytest.mark.parametrize("seed", range(20))
def test_many_rows_to_rounding(seed):
    """Confident scores of all sizes, as a trained classifier gives them."""
    rng = np.random.default_rng(seed)
    K, n = 2 + seed % 4, 10 * 2 ** (seed % 6)
    scores = rng.gamma(0.5, 8.0) * rng.normal(size=(n, K)) + 3 * rng.normal(size=K)
    shares = rng.dirichlet(np.full(K, 3.0))
    found = evaluation.recentring_bias(scores, shares)
    np.testing.assert_allclose(softmax(scores + found).mean(0), shares, atol=2e-12)


def test_large_scores_and_rare_classes(rng):
    scores = 20 * rng.normal(size=(40, 4)) + [900, 0, 0, -900]
    shares = np.array([0.001, 0.199, 0.3, 0.5])
    found = evaluation.recentring_bias(scores, shares)
    np.testing.assert_allclose(softmax(scores + found).mean(0), shares, atol=1e-11)

    with pytest.raises(ValueError, match="Divide them by a temperature"):
        evaluation.recentring_bias(1e9 * scores, shares)


def test_what_is_refused():
    rows = np.zeros((3, 2))
    for shares in ([0.5, 0.5, 0.0], [1.0, 0.0], [0.2, 0.3, 0.5]):
        with pytest.raises(
            ValueError, match=r"shares should be 2 positive|shares >= 0"
        ):
            evaluation.recentring_bias(rows, np.array(shares))
    with pytest.raises(ValueError, match="shares >= 0 with sum 1"):
        evaluation.recentring_bias(rows, np.array([0.5, 0.6]))
    for scores in (rows[:, :1], rows[0], np.array([[np.nan, 0.0]])):
        for find in (evaluation.content_free_bias, evaluation.recentring_bias):
            with pytest.raises(ValueError, match="scores"):
                find(scores)
