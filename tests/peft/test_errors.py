"""Every wrong use of an adapter is one sentence that says what to do."""

import numpy as np
import pytest

from tinyft import models, nn, peft


@pytest.fixture
def model():
    return models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9)


def two_layers():
    return nn.Sequential({"one": nn.Linear(4, 3, rng=0), "two": nn.Linear(3, 2, rng=0)})


@pytest.mark.parametrize(
    "options, words",
    [
        ({"r": 0}, "positive integer, got 0"),
        ({"r": -2}, "positive integer, got -2"),
        ({"r": 2.5}, "positive integer, got 2.5"),
        ({"alpha": 0}, "alpha must be positive"),
        ({"alpha": -1}, "alpha must be positive"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\)"),
    ],
)
def test_options(options, words):
    with pytest.raises(ValueError, match=words):
        peft.LoRA(**options)


def test_rank_above_the_matrix():
    with pytest.raises(ValueError, match=r"'one': rank 4 is above .* 3×4 .* at most 3"):
        peft.attach(two_layers(), peft.LoRA(r=4), "one")


def test_pattern_that_matches_nothing_lists_near_misses(model):
    with pytest.raises(ValueError, match=r"matches no module; nearest.*attn\.q"):
        peft.attach(model, peft.LoRA(r=2), r"attention\.q")


def test_pattern_that_names_a_container_lists_its_children(model):
    with pytest.raises(ValueError, match="MultiHeadAttention.*can not sit.*q, k, v, o"):
        peft.attach(model, peft.LoRA(r=2), "attn")


def test_broken_pattern(model):
    with pytest.raises(ValueError, match="not a regular expression"):
        peft.attach(model, peft.LoRA(r=2), "attn.(q")


def test_tied_weight_names_both(model):
    with pytest.raises(ValueError, match="embed.weight and head.weight"):
        peft.attach(model, peft.LoRA(r=2), "embed")


def test_same_name_twice(model):
    peft.attach(model, peft.LoRA(r=2), r"attn\.q")
    with pytest.raises(ValueError, match="'default' is already there"):
        peft.attach(model, peft.LoRA(r=2), r"attn\.v")


def test_not_a_method(model):
    with pytest.raises(TypeError, match=r"expected a method such as peft.LoRA"):
        peft.attach(model, "lora", "q")


def test_a_failed_attach_changes_nothing(model):
    with pytest.raises(ValueError):
        peft.attach(model, peft.LoRA(r=2), "nothing_like_it")
    assert all(p.requires_grad for p in model.parameters())
    assert not peft.adapters(model)


def test_merge_refuses_nan_and_changes_nothing():
    model = two_layers()
    adapter = peft.attach(model, peft.LoRA(r=2), "one|two", rng=1)
    before = [p.numpy().copy() for p in model.parameters()]
    adapter.deltas["two"].B.data = adapter.deltas["two"].B.data + np.nan
    with pytest.raises(ValueError, match=r"two.weight holds NaN.*nothing was merged"):
        peft.merge(model)
    for p, was in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.numpy(), was)


def test_merge_twice_unmerge_twice_and_detach_while_merged():
    model = two_layers()
    with pytest.raises(ValueError, match="no active adapter"):
        peft.merge(model)
    with pytest.raises(ValueError, match="not merged"):
        peft.unmerge(model)
    adapter = peft.attach(model, peft.LoRA(r=2), "one", rng=1)
    peft.merge(model)
    with pytest.raises(ValueError, match="merged already"):
        peft.merge(model)
    with pytest.raises(ValueError, match="is merged; call unmerge"):
        peft.detach(adapter)
    with pytest.raises(ValueError, match="another adapter is merged"):
        peft.attach(model, peft.LoRA(r=2), "two", "second")
    peft.unmerge(model)
    peft.detach(adapter)
    with pytest.raises(ValueError, match="not attached any more"):
        peft.detach(adapter)


def test_unmerge_after_training_the_merged_weight():
    model = two_layers()
    peft.attach(model, peft.LoRA(r=2), "one", rng=1)
    peft.merge(model)
    model.one.weight.data = model.one.weight.data + 1
    with pytest.raises(ValueError, match="was changed after merge"):
        peft.unmerge(model)
