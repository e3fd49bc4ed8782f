"""The distance to the start: against a loop of Python numbers, and what it refuses."""

import math

import numpy as np
import pytest

from tinyft import models, nn, peft, tensor, transfer
from tinyft.transfer import distance, distances, snapshot


@pytest.fixture
def model():
    return models.resnet_tiny(np.random.default_rng(0), "float64", widths=(2, 3, 4))


def moved(model, seed=1):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data = p.data + rng.normal(size=p.shape)
    return model


def test_it_is_the_norm_over_all_entries(model):
    start = snapshot(model)
    before = [v for p in model.parameters() for v in p.numpy().ravel().tolist()]
    after = [v for p in moved(model).parameters() for v in p.numpy().ravel().tolist()]
    want = math.sqrt(sum((a - b) ** 2 for a, b in zip(after, before, strict=True)))
    assert distance(model, start) == pytest.approx(want, rel=1e-12)
    each = distances(model, start)
    assert list(each) == [name for name, _ in model.named_parameters()]
    assert math.sqrt(sum(v * v for v in each.values())) == pytest.approx(
        want, rel=1e-12
    )
    assert each["fc.bias"] == pytest.approx(
        np.linalg.norm(model.fc.bias.numpy() - start["fc.bias"]), rel=1e-12
    )


def test_a_model_serves_as_the_start(model):
    other = moved(
        models.resnet_tiny(np.random.default_rng(0), "float64", widths=(2, 3, 4))
    )
    assert distance(other, model) == distance(model, other) > 0
    assert distance(model, model) == 0


def test_the_snapshot_is_a_copy(model):
    start = snapshot(model)
    model.fc.weight.data[...] += 1.0
    size = model.fc.weight.size
    assert distance(model, start) == pytest.approx(size**0.5, rel=1e-12)


def test_running_statistics_do_not_count(model):
    start = snapshot(model)
    model.train()(tensor(np.random.default_rng(2).normal(size=(4, 1, 8, 8))))
    assert distance(model, start) == 0


def test_a_tied_parameter_counts_once():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    start = snapshot(model)
    model[0].weight.data = model[0].weight.data + np.float32(1)
    assert distance(model, start) == pytest.approx(3.0, rel=1e-6)


def test_another_shape_or_name_is_a_sentence(model):
    start = snapshot(model)
    with pytest.raises(ValueError, match=r"differ in fc\.bias; take start = "):
        distance(model, {k: v for k, v in start.items() if k != "fc.bias"})
    with pytest.raises(ValueError, match=r"differ in fc\.weight"):
        distance(model, start | {"fc.weight": np.zeros((2, 2))})


def test_under_an_adapter_nothing_would_move(model):
    start = snapshot(model)
    adapter = peft.attach(model, peft.LoRA(r=1, alpha=2), "fc", rng=0)
    adapter.deltas["fc"].B.data = adapter.deltas["fc"].B.data + 1
    with pytest.raises(ValueError, match=r"has an adapter.*bake"):
        distance(model, start)
    want = np.linalg.norm(model.fc.weight.numpy() - start["fc.weight"])
    assert transfer.distance(peft.bake(model), start) == pytest.approx(want, rel=1e-12)
