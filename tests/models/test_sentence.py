"""Sentence embeddings: the mean over the mask, by hand; gradients; refusals."""

import numpy as np
import pytest

from tinyft import models, no_grad, tensor
from tinyft.models.presets import bert_tiny, gpt2_tiny

IDS = np.array([[5, 6, 7, 8], [9, 3, 0, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
RNG = np.random.default_rng


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_tokens_without_padding(dtype):
    states = RNG(0).normal(size=(2, 4, 3)).astype(dtype)
    found = models.mean_tokens(tensor(states), MASK)
    expected = [states[0].mean(0), states[1, :2].mean(0)]
    assert found.dtype == dtype
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    whole = models.mean_tokens(tensor(states))
    np.testing.assert_allclose(whole.numpy(), states.mean(1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [bert_tiny, gpt2_tiny])
def test_a_text_has_one_embedding_whatever_it_is_padded_with(make):
    """Length 1; equal alone and in a batch, to the rounding of float64."""
    model = make(rng=0, dtype="float64", vocab=12).eval()
    with no_grad():
        both = models.sentence_embedding(model, IDS, MASK.astype(bool)).numpy()
        alone = models.sentence_embedding(model, IDS[1:, :2]).numpy()
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(both[1], alone[0], atol=1e-12)
    assert abs(both[0] - both[1]).max() > 0.01


def test_gradients_reach_the_tokens_and_not_the_padding():
    states = tensor(RNG(1).normal(size=(2, 4, 3)), requires_grad=True)
    weights = RNG(2).normal(size=(2, 3))
    (models.mean_tokens(states, MASK) * weights).sum().backward()
    expected = MASK[:, :, None] / MASK.sum(1)[:, None, None] * weights[:, None]
    np.testing.assert_allclose(states.grad.numpy(), expected, atol=1e-15)


def test_refusals():
    states = tensor(np.ones((2, 4, 3)))
    with pytest.raises(ValueError, match="row 1 of the mask has no token"):
        models.mean_tokens(states, np.array([[1, 1, 1, 1], [0, 0, 0, 0]]))
    with pytest.raises(ValueError, match=r"shape \(2, 1, 1, 4\), expected \(B, T\)"):
        models.mean_tokens(states, np.ones((2, 1, 1, 4), bool))
    with pytest.raises(ValueError, match="a padding mask holds"):
        models.mean_tokens(states, MASK * 1.0)
