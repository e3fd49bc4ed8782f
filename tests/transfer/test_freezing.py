"""train_only, last and gradual unfreezing: what trains when, through a resume, errors."""

import numpy as np
import pytest

from tinyft import io, models, ops, optim, training
from tinyft.models import resnet_tiny
from tinyft.transfer import (
    GradualUnfreezing,
    freeze,
    last,
    layer_groups,
    train_only,
    unfreeze,
)


@pytest.fixture
def model():
    return resnet_tiny(np.random.default_rng(0), widths=(2, 3, 4))


def trains(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


# --- train_only and last -----------------------------------------------------------


def test_train_only_switches_both_ways(model):
    want = {name for name, _ in model.named_parameters() if name.startswith("layer2.")}
    assert set(train_only(model, "layer2")) == want == trains(model)
    assert set(train_only(model, "fc")) == {"fc.weight", "fc.bias"} == trains(model)


def test_train_only_forgets_the_gradients_of_what_it_freezes(model):
    x = np.random.default_rng(1).normal(size=(2, 1, 8, 8)).astype("f4")
    ops.cross_entropy(model(x), np.array([0, 1])).backward()
    train_only(model, "fc")
    for name, p in model.named_parameters():
        assert (p.grad is not None) == name.startswith("fc.")


def test_training_everything_is_not_only(model):
    with pytest.raises(
        ValueError, match=r"names all \d+ parameters .* full fine-tuning"
    ):
        train_only(model, ".*")
    assert len(trains(model)) == len(list(model.parameters()))


def test_training_nothing_lists_near_misses(model):
    with pytest.raises(ValueError, match=r"train_only.*matches no parameter.*layer3"):
        train_only(model, "layr3")


def test_one_name_of_a_tied_weight_is_refused():
    gpt = models.gpt2_tiny(np.random.default_rng(0), vocab=11, dim=8, heads=2, layers=1)
    names = [name for name, _ in gpt._named("_parameters", "", unique=False)]
    tied = [n for n in names if n.startswith("head")] + ["embed.weight"]
    assert gpt.head.weight is gpt.embed.weight and "head.weight" in tied
    with pytest.raises(ValueError, match=r"'head.weight'.*'embed.weight' \(tied"):
        train_only(gpt, "head")
    with pytest.raises(ValueError, match=r"'embed.weight'.*'head.weight' \(tied"):
        train_only(gpt, "embed")
    train_only(gpt, r"^(embed|head)\.weight")
    assert gpt.embed.weight.requires_grad


def test_last_counts_groups_from_the_top(model):
    groups = layer_groups(model)
    assert list(groups) == ["stem", "layer1", "layer2", "layer3", "fc"]
    assert last(model, 1) == ["fc.weight", "fc.bias"]
    heads = ("layer2.", "layer3.", "fc.")
    want = [name for name, _ in model.named_parameters() if name.startswith(heads)]
    assert sorted(last(model, 3)) == sorted(want)
    assert set(train_only(model, last(model, 3))) == set(want) == trains(model)
    assert len(last(model, 5)) == len(list(model.parameters()))


@pytest.mark.parametrize("k", [0, 6, -1, 1.5])
def test_last_of_too_many_names_the_groups(model, k):
    with pytest.raises(
        ValueError, match="1 to 5; the groups of ResNet are stem, layer1"
    ):
        last(model, k)


# --- frozen is frozen --------------------------------------------------------------


@pytest.mark.parametrize("rule", [
    lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.3),
    lambda params: optim.AdamW(params, lr=0.1, weight_decay=0.3),
    lambda params: optim.Adam(params, lr=0.1, weight_decay=0.3),
])  # fmt: skip
def test_frozen_arrays_stay_to_the_bit_under_momentum_and_decay(model, rule):
    """Frozen after two steps: momentum and moments exist, and move nothing any more."""
    rng = np.random.default_rng(1)
    step = rule(model.parameters())

    def go():
        x = rng.normal(size=(4, 1, 8, 8)).astype("f4")
        step.zero_grad()
        ops.cross_entropy(model(x), np.arange(4)).backward()
        step.step()

    go()
    go()
    kept = set(train_only(model, "layer3|fc"))
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    go()
    go()
    for name, p in model.named_parameters():
        assert np.array_equal(p.data, before[name]) == (name not in kept), name


# --- gradual unfreezing ------------------------------------------------------------


def test_one_more_group_every_so_many_steps(model):
    rule = GradualUnfreezing(layer_groups(model), every=3)
    seen = []
    for _ in range(14):
        seen.append(len(rule.on))
        rule.step()
    assert seen == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5] * 2
    assert rule.on == ["stem", "layer1", "layer2", "layer3", "fc"]


def parts(every=4):
    rng = np.random.default_rng(0)
    model = models.mlp(6, 5, 4, 3, rng=rng)
    x = np.random.default_rng(1).normal(size=(40, 6)).astype("f4")
    y = np.arange(40) % 3
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.05)
    rates = optim.Schedule(optimizer, optim.schedule.cosine, total=12)
    return {
        "model": model,
        "optimizer": optimizer,
        "schedule": GradualUnfreezing(layer_groups(model), every, rates),
        "rng": np.random.default_rng(3),
    }, (x, y)


def fit(p, data, steps, start=0):
    def batches():
        while True:
            rows = p["rng"].permutation(40)[:8]
            yield data[0][rows], data[1][rows]

    def loss(model, x, y):
        return ops.cross_entropy(model(x), y)

    training.fit(
        p["model"], loss, batches(), p["optimizer"], steps=steps, start=start,
        schedule=p["schedule"], progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("stop", [2, 4, 5, 9])
def test_a_resume_in_the_middle_equals_the_run_without_one(tmp_path, stop):
    whole, data = parts()
    fit(whole, data, 12)
    first, _ = parts()
    fit(first, data, stop)
    path = tmp_path / "run.safetensors"
    training.save_checkpoint(path, step=stop, **first)
    second, _ = parts()
    training.load_checkpoint(path, **second)
    assert second["schedule"].on == first["schedule"].on
    fit(second, data, 12 - stop)
    pairs = zip(whole["model"].parameters(), second["model"].parameters(), strict=True)
    assert all(np.array_equal(a.data, b.data) for a, b in pairs)
    assert second["schedule"].on == ["0", "2", "4"]


def test_the_rates_go_along():
    p, _ = parts()
    p["schedule"].step()
    want = 0.1 * (1 + np.cos(np.pi / 12)) / 2
    assert p["optimizer"].param_groups[0]["lr"] == pytest.approx(want, rel=1e-12)


def test_a_state_of_another_rule_is_refused_before_anything_changes(tmp_path):
    first, data = parts()
    fit(first, data, 5)
    path = tmp_path / "run.safetensors"
    training.save_checkpoint(path, step=5, **first)
    other, _ = parts(every=2)
    before = [p.data.copy() for p in other["model"].parameters()]
    with pytest.raises(ValueError, match="every = 4, here it is 2"):
        training.load_checkpoint(path, **other)
    assert other["schedule"].count == 0
    pairs = zip(before, other["model"].parameters(), strict=True)
    assert all(np.array_equal(a, p.data) for a, p in pairs)
    assert "schedule.count" in io.load(path)


@pytest.mark.parametrize("groups, every", [({}, 2), ({"a": []}, 0), ({"a": []}, 1.5)])
def test_bad_arguments(groups, every):
    with pytest.raises(ValueError, match="GradualUnfreezing: every="):
        GradualUnfreezing(groups, every)


def test_an_optimiser_of_a_model_frozen_whole_says_so(model):
    freeze(model, ".*")
    with pytest.warns(UserWarning, match="requires a gradient.*unfreeze some first"):
        optim.SGD(model.parameters(), lr=0.1)
    unfreeze(model, ".*")
    optim.SGD(model.parameters(), lr=0.1)
