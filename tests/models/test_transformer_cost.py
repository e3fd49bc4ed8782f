"""Closed forms of cost against models that are built, and products that are counted."""

import numpy as np
import pytest

from tinyft import models, nn
from tinyft.course.lessons.foundations import ch02_plain as plain
from tinyft.models import transformer_cost as cost

TINY = [models.gpt2_tiny, models.bert_tiny, models.llama_tiny]
each = pytest.mark.parametrize("make", TINY, ids=lambda f: f.__name__)


@each
@pytest.mark.parametrize("changes", [{}, {"heads": 8, "tied": False, "hidden": 48}])
def test_parameters_are_those_of_the_model(make, changes):
    model = make(rng=0, **changes)
    assert cost.parameters(model.config) == model.count()


def test_parameters_of_heads_types_and_pooler():
    for changes in (
        {"head": "none"},
        {"types": 3},
        {"positions": "none", "pooler": True},
        {"positions": "roberta", "pad": 3},
        {"head": "cls", "classes": 3, "pooler": "relu"},
        {"head_dim": 10, "attn_bias": "qkv", "qk_norm": True, "kv_heads": 2},
        {"causal": True, "head": "cls", "classes": 3},
    ):
        model = models.bert_tiny(rng=0, **changes)
        assert cost.parameters(model.config) == model.count(), changes


@pytest.mark.parametrize(
    "name, count",
    [("GPT2", 124_439_808), ("BERT", 109_482_240), ("LLAMA", 6_738_415_616)],
)
def test_published_counts(name, count):
    assert cost.parameters(getattr(models, name)) == count


def test_the_short_form():
    """12 d² + 13 d, and 24 T d² + 4 T² d."""
    d, T = models.GPT2.dim, 100
    assert cost.block_parameters(models.GPT2) == 12 * d**2 + 13 * d
    assert cost.block_flops(models.GPT2, T) == 24 * T * d**2 + 4 * T**2 * d


@each
def test_flops_are_those_that_are_counted(make):
    model = make(rng=0, dtype="f8")
    w = {n: a.numpy() for n, a in model.state_dict().items()}
    for T in (1, 7):
        mm = plain.Count()
        plain.states(w, np.arange(T), model.config, mm)
        assert mm.flops == model.config.layers * cost.block_flops(model.config, T)


@each
def test_plain_numpy_is_the_model(make):
    """float64, sums of up to 256 terms, states of order 1: 1e-12 is 4,000 roundings."""
    model, rng = make(rng=0, dtype="f8"), np.random.default_rng(0)
    for p in model.parameters():
        p.data = p.data + 0.1 * rng.normal(size=p.shape)
    w, ids = {n: a.numpy() for n, a in model.state_dict().items()}, np.arange(9)
    want = plain.states(w, ids, model.config, np.matmul)
    got = model.states(ids[None]).numpy()[0]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("make", [models.gpt2_tiny, models.llama_tiny])
def test_bytes_of_the_cache(make):
    model = make(rng=0)
    cache = model.new_cache()
    model(np.arange(11)[None], cache=cache)
    held = sum(a.data.nbytes for entry in cache for a in (entry.k, entry.v))
    assert isinstance(cache[0], nn.KVCache)
    assert held == cost.cache_bytes(model.config, 11)
