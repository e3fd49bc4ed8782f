"""Losses of single tokens, n-gram baselines and attention maps, against loops."""

import itertools
import math

import numpy as np
import pytest

from tinyft import models, ops
from tinyft.course.lessons.foundations import ch02_language as language

IDS = np.random.default_rng(0).integers(0, 6, 23)


def test_rows_are_consecutive_and_targets_one_further():
    x, y = language.rows_of(IDS, 4)
    assert x.shape == y.shape == (4, 4)
    np.testing.assert_array_equal(np.r_[x[0], y[0, -1]], IDS[:5])
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    assert x[1, 0] == IDS[5]


def test_token_losses_average_to_the_loss():
    """float64: a mean of 16 logarithms, regrouped, in batches of 3 and 1."""
    model = models.gpt2_tiny(rng=0, vocab=6, dtype="f8")
    x, y = language.rows_of(IDS, 4)
    losses = language.token_losses(model, x, y, batch=3)
    want = ops.cross_entropy(model(x).reshape(-1, 6), y.reshape(-1)).item()
    assert losses.shape == y.shape and abs(losses.mean() - want) < 1e-12


def test_ngrams_are_counted_by_a_loop():
    p, q = language.ngrams(IDS, 6, pairs=2)
    for i in range(6):
        assert math.isclose(p[i], (list(IDS).count(i) + 1) / (23 + 6))
        after = [b for a, b in itertools.pairwise(IDS) if a == i]
        for j in range(6):
            assert math.isclose(q[i, j], (after.count(j) + 2 * p[j]) / (len(after) + 2))
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-12)


def test_attention_maps_leave_the_model_as_it_was():
    model = models.llama_tiny(rng=0)
    maps = language.attention_maps(model, IDS[None, :9])
    assert maps.shape == (1, 2, 4, 9, 9)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-6)  # float32
    with pytest.raises(ValueError, match="integers"):
        language.attention_maps(model, np.zeros((1, 3)))
    for block in model.blocks:
        assert not block.attn.record and block.attn.recorded is None


def test_losses_by_context_see_k_tokens():
    """One text at a time: the last loss of the k tokens before each target."""
    model = models.gpt2_tiny(rng=0, vocab=6, dtype="f8")
    ends = np.array([5, 9, 17])
    found = language.losses_by_context(model, IDS, ends, (1, 4))
    for k in (1, 4):
        for end, loss in zip(ends, found[k]):
            x, y = IDS[end - k + 1 : end + 1], IDS[end - k + 2 : end + 2]
            want = language.token_losses(model, x[None], y[None])[0, -1]
            assert abs(loss - want) < 1e-12


def test_last_logits_with_and_without_the_cache():
    """float64: the same sums of up to 256 terms in another order."""
    model = models.gpt2_tiny(rng=0, vocab=6, dtype="f8")
    whole = model(IDS[None, :7]).numpy()[0]
    for cached in (True, False):
        found = language.last_logits(model, IDS[:7], cached)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-12)
