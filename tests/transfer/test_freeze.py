"""Freezing by name: what a pattern names, what a frozen parameter does, and errors."""

import numpy as np
import pytest

from tinyft import nn, ops, optim, tensor
from tinyft.models import resnet_tiny
from tinyft.transfer import freeze, unfreeze


@pytest.fixture
def model():
    return resnet_tiny(np.random.default_rng(0), widths=(2, 3, 4))


def trainable(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def every(model):
    return {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize(
    "pattern, chosen",
    [
        ("fc", lambda name: name.startswith("fc.")),
        ("layer[12]", lambda name: name.startswith(("layer1.", "layer2."))),
        ("bias", lambda name: name.endswith(".bias")),
        (r".*\bbn1\.weight", lambda name: name.endswith("bn1.weight")),
        (r"layer3\.0\.conv2", lambda name: name == "layer3.0.conv2.weight"),
        (".*", lambda name: True),
        (r"fc|.*\bconv1", lambda name: name.startswith("fc.") or "conv1." in name),
    ],
)
def test_a_pattern_names_ends_of_paths_and_what_lies_below(model, pattern, chosen):
    names = freeze(model, pattern)
    assert set(names) == {name for name in every(model) if chosen(name)}
    assert trainable(model) == every(model) - set(names)
    assert set(unfreeze(model, pattern)) == set(names)
    assert trainable(model) == every(model)


def test_a_part_of_a_word_is_not_a_match(model):
    with pytest.raises(ValueError, match="matches no parameter"):
        freeze(model, "layer")


def test_a_frozen_parameter_gets_no_gradient_and_no_step(model):
    rng = np.random.default_rng(1)
    frozen = freeze(model, "^conv1|layer1")
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    step = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    x = tensor(rng.normal(size=(4, 1, 8, 8)).astype(np.float32))
    ops.cross_entropy(model(x), np.array([0, 1, 2, 3])).backward()
    step.step()
    for name, p in model.named_parameters():
        assert (p.grad is None) == (name in frozen)
        assert np.array_equal(p.data, before[name]) == (name in frozen)


def test_freezing_forgets_an_old_gradient():
    layer = nn.Linear(2, 2, rng=np.random.default_rng(0))
    layer(tensor(np.ones((1, 2), np.float32))).sum().backward()
    freeze(layer, "weight")
    assert layer.weight.grad is None and layer.bias.grad is not None


def test_a_tied_parameter_answers_to_both_names():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert freeze(model, r"1\.weight") == ["1.weight"]
    assert not model[0].weight.requires_grad


@pytest.mark.parametrize("switch", [freeze, unfreeze])
def test_matching_nothing_lists_near_misses(model, switch):
    with pytest.raises(ValueError) as error:
        switch(model, "layr3")
    said = str(error.value)
    assert switch.__name__ in said and "'layr3'" in said and "ResNet" in said
    assert "layer3" in said.split("nearest names:")[1]


def test_nothing_near_lists_real_names(model):
    with pytest.raises(ValueError, match=r"nearest names: conv1, conv1"):
        freeze(model, "qqqqqq")


def test_a_model_without_parameters_is_told():
    with pytest.raises(ValueError, match="it has none"):
        freeze(nn.Sequential(), "fc")


@pytest.mark.parametrize("pattern", ["(", None, 3])
def test_a_bad_pattern_is_a_sentence(model, pattern):
    with pytest.raises(ValueError, match=r"freeze: .* is not a regular"):
        freeze(model, pattern)
    assert trainable(model) == every(model)
