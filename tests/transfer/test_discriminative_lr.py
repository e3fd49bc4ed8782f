"""Layer groups, rates by layer, gradual unfreezing and feature drift.

Tolerances: 1e-12 relative for direct formulas in float64 (four small matrix products,
errors near 1e-15), 1e-13 where only a few multiplications round.
"""

import math
from itertools import pairwise

import numpy as np
import pytest

from tinyft import models, nn, ops, optim, peft, tensor
from tinyft.models import mlp, resnet_tiny
from tinyft.transfer import (
    FeatureDrift,
    discriminative_groups,
    gradual_unfreeze,
    layer_groups,
    layer_rates,
    slice_rule,
)
from tinyft.transfer.drift import features

RATES = {"rtol": 1e-13, "atol": 0}
EXACT = {"rtol": 1e-12, "atol": 0}


def rng(seed=0):
    return np.random.default_rng(seed)


def names_of(model, groups):
    """{group: the model's names of its parameters}."""
    every = {id(p): name for name, p in model.named_parameters()}
    return {g: [every[id(p)] for p in ps] for g, ps in groups.items()}


# --- groups --------------------------------------------------------------------------

MODELS = {
    "resnet": (lambda: resnet_tiny(rng(), widths=(2, 3, 4)), "stem layer1 layer2 "
               "layer3 fc"),
    "gpt": (lambda: models.gpt2_tiny(rng(), vocab=11, dim=8, heads=2, layers=2),
            "embed blocks.0 blocks.1 head"),
    "bert": (lambda: models.bert_tiny(rng(), vocab=11, dim=8, heads=2, layers=2),
             "embed blocks.0 blocks.1 head"),
    "llama": (lambda: models.llama_tiny(rng(), vocab=11, dim=8, heads=2, layers=2),
              "embed blocks.0 blocks.1 head"),
    "mlp": (lambda: mlp(4, 3, 5, 2, rng=rng()), "0 2 4"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_every_parameter_is_in_one_group_from_input_to_top(kind):
    make, names = MODELS[kind]
    model = make()
    groups = layer_groups(model)
    assert list(groups) == names.split()
    ids = [id(p) for ps in groups.values() for p in ps]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())


def test_what_belongs_to_the_ends_of_a_resnet():
    model = resnet_tiny(rng(), widths=(2, 3, 4))
    found = names_of(model, layer_groups(model))
    assert found["stem"] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert found["fc"] == ["fc.weight", "fc.bias"]
    assert all(name.startswith("layer2.") for name in found["layer2"])


def test_a_tied_weight_is_in_its_lowest_group_only():
    model = models.gpt2_tiny(rng(), vocab=11, dim=8, heads=2, layers=1, tied=True)
    assert model.head.weight is model.embed.weight
    found = names_of(model, layer_groups(model))
    assert found["embed"] == ["embed.weight", "position.weight"]
    assert found["head"] == ["norm.weight", "norm.bias"]


def test_an_untied_head_is_on_top():
    model = models.gpt2_tiny(rng(), vocab=11, dim=8, heads=2, layers=1, tied=False)
    assert "head.weight" in names_of(model, layer_groups(model))["head"]


class Odd(nn.Module):
    """No stack, one child without parameters."""

    def __init__(self):
        self.encoder, self.act = nn.Linear(3, 4), nn.ReLU()
        self.decoder = nn.Linear(4, 2)

    def forward(self, x):
        return self.decoder(self.act(self.encoder(x)))


def test_a_model_without_a_stack_has_a_group_for_each_child():
    assert list(layer_groups(Odd())) == ["encoder", "decoder"]


def test_a_models_own_parameters_are_with_what_stands_first():
    model = models.vit_tiny(rng())
    found = names_of(model, layer_groups(model))
    assert list(found) == ["stem", "blocks.0", "blocks.1", "blocks.2", "head"]
    assert found["stem"] == ["patch.weight", "patch.bias", "cls", "position"]
    assert found["head"][:2] == ["norm.weight", "norm.bias"]


def test_own_patterns_take_each_parameter_once_in_their_order():
    model = resnet_tiny(rng(), widths=(2, 3, 4))
    groups = layer_groups(model, ["^conv1|^bn1", r"layer\d", ".*"])
    found = names_of(model, groups)
    assert found["^conv1|^bn1"] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert found[".*"] == ["fc.weight", "fc.bias"]


def test_a_parameter_left_over_is_named():
    with pytest.raises(
        ValueError, match=r"in no group: encoder\.weight, encoder\.bias"
    ):
        layer_groups(Odd(), ["decoder"])


def test_a_pattern_that_names_nothing_lists_near_misses():
    with pytest.raises(ValueError, match=r"'decodr' matches no parameter.*decoder"):
        layer_groups(Odd(), ["encoder", "decodr"])


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="it has none at all"):
        layer_groups(nn.Sequential(nn.ReLU()))


# --- rates ---------------------------------------------------------------------------


def test_rates_grow_by_one_over_alpha_up_to_lr():
    rates = np.array(layer_rates(0.3, 0.4, 5))
    assert rates[-1] == 0.3
    np.testing.assert_allclose(rates[1:] / rates[:-1], 1 / 0.4, **RATES)


def test_alpha_one_and_a_single_group_are_one_rate():
    assert layer_rates(0.3, 1, 3) == [0.3] * 3 and layer_rates(0.3, 0.1, 1) == [0.3]


@pytest.mark.parametrize("decay", [0, -0.5, 1.001, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"should lie in \(0, 1\]"):
        layer_rates(0.1, decay, 3)


def test_dividing_by_more_than_one_is_understood():
    with pytest.raises(ValueError, match=r"to divide by 2.6, write 1/2.6"):
        layer_rates(0.1, 2.6, 3)


def test_slice_is_geometric_and_a_decay_of_its_own():
    np.testing.assert_allclose(slice_rule(1e-4, 1e-2, 5), np.geomspace(1e-4, 1e-2, 5),
                               **EXACT)  # fmt: skip
    for count in (2, 5):
        alpha = (1e-4 / 1e-2) ** (1 / (count - 1))
        np.testing.assert_allclose(slice_rule(1e-4, 1e-2, count),
                                   layer_rates(1e-2, alpha, count), **EXACT)  # fmt: skip


def test_slice_of_one_number_is_a_tenth_below_the_top():
    assert slice_rule(None, 0.5, 4) == [0.05, 0.05, 0.05, 0.5]


@pytest.mark.parametrize("lo", [None, 1e-5, 0.5])
def test_slice_of_one_group_is_hi(lo):
    assert slice_rule(lo, 0.5, 1) == [0.5]


@pytest.mark.parametrize("lo, hi, count, said", [
    (0, 0.1, 3, "lo=0 "), (1e-3, -1, 3, "hi=-1 "), (None, float("inf"), 2, "hi=inf "),
    (1e-3, 1e-2, 0, "count=0 "), (1e-3, 1e-2, 2.0, r"count=2\.0 "),
])  # fmt: skip
def test_a_slice_out_of_range_is_refused(lo, hi, count, said):
    with pytest.raises(ValueError, match=f"slice_rule: {said}should be"):
        slice_rule(lo, hi, count)


def test_groups_for_an_optimiser():
    model = mlp(4, 3, 5, 2, rng=rng())
    groups = layer_groups(model)
    made = discriminative_groups(groups, 0.8, 0.5)
    assert [g["name"] for g in made] == list(groups)
    assert [g["lr"] for g in made] == [0.2, 0.4, 0.8]  # powers of two: exact
    step = optim.SGD(made, momentum=0.9)
    assert [g["momentum"] for g in step.param_groups] == [0.9] * 3
    rates = slice_rule(0.1, 0.4, 3)
    assert [g["lr"] for g in discriminative_groups(groups, rates)] == rates


@pytest.mark.parametrize("lr, decay", [([0.1, 0.2], 1.0), ([0.1, 0.2, 0.3], 0.5)])
def test_rates_that_do_not_fit_the_groups_are_refused(lr, decay):
    groups = layer_groups(mlp(4, 3, 5, 2, rng=rng()))
    with pytest.raises(ValueError, match=r"3 groups \(0, 2, 4\) need one lr"):
        discriminative_groups(groups, lr, decay)


def test_each_layer_steps_at_its_own_rate():
    model = mlp(4, 3, 5, 2, rng=rng(), dtype="float64")
    before = {n: p.numpy().copy() for n, p in model.named_parameters()}
    step = optim.SGD(discriminative_groups(layer_groups(model), 0.8, 0.5))
    ops.mse_loss(model(tensor(rng(1).normal(size=(6, 4)))), np.ones((6, 2))).backward()
    g = {n: p.grad.numpy().copy() for n, p in model.named_parameters()}
    step.step()
    for name, p in model.named_parameters():
        rate = {"0": 0.2, "2": 0.4, "4": 0.8}[name[0]]
        np.testing.assert_allclose(p.numpy(), before[name] - rate * g[name], **EXACT)


# --- gradual unfreezing --------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2])
def test_each_group_trains_for_the_epochs_of_the_formula(every):
    groups = layer_groups(mlp(4, 3, 5, 2, rng=rng()))
    epochs, trained = 5, dict.fromkeys(groups, 0)
    for epoch in range(epochs):
        on = gradual_unfreeze(groups, epoch, every)
        for name, params in groups.items():
            assert all(p.requires_grad == (name in on) for p in params)
            trained[name] += name in on
    want = [max(0, epochs - (3 - one) * every) for one in (1, 2, 3)]
    assert list(trained.values()) == want


def test_a_frozen_group_does_not_move_and_keeps_no_gradient():
    model = mlp(4, 3, 2, rng=rng(), dtype="float64")
    groups, before = layer_groups(model), model[0].weight.numpy().copy()
    step = optim.SGD(discriminative_groups(groups, 0.1), momentum=0.9)
    x, y = tensor(rng(1).normal(size=(6, 4))), np.ones((6, 2))
    ops.mse_loss(model(x), y).backward()  # gradients from before the schedule
    assert gradual_unfreeze(groups, 0) == ["2"] and model[0].weight.grad is None
    step.step()
    assert np.array_equal(model[0].weight.numpy(), before)
    assert gradual_unfreeze(groups, 1) == ["0", "2"]
    ops.mse_loss(model(x), y).backward()
    step.step()
    assert not np.array_equal(model[0].weight.numpy(), before)


@pytest.mark.parametrize("epoch, every", [(-1, 1), (0, 0)])
def test_an_impossible_schedule_is_refused(epoch, every):
    with pytest.raises(ValueError, match="should be >= 0 and every"):
        gradual_unfreeze({"a": []}, epoch, every)


# --- feature drift -------------------------------------------------------------------


def deep_linear(seed=0, sizes=(3, 6, 5, 4, 2)):
    numbers = rng(seed)
    net = nn.Sequential(*(nn.Linear(i, o, bias=False, dtype="float64")
                          for i, o in pairwise(sizes)))  # fmt: skip
    for layer in net:
        layer.weight.data = numbers.normal(size=layer.weight.shape)
    return net, numbers.normal(size=(7, sizes[0]))


def states(Ws, x):
    """[h_1, …, h_L], h_l = W_l h_{l−1}; columns are examples."""
    found, h = [], x.T
    for W in Ws:
        h = W @ h
        found.append(h)
    return found


def test_drift_is_the_formula():
    net, x = deep_linear()
    drift = FeatureDrift(net, x)
    start = [layer.weight.numpy().copy() for layer in net]
    assert list(drift().values()) == [0.0] * 4
    for layer in net:
        layer.weight.data = layer.weight.data + 0.1
    now, before = states([W + 0.1 for W in start], x), states(start, x)
    want = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(now, before)]
    np.testing.assert_allclose(list(drift().values()), want, **EXACT)


def test_a_layer_above_drifts_without_moving():
    net, x = deep_linear()
    drift = FeatureDrift(net, x)
    net[1].weight.data = 1.5 * net[1].weight.data
    got = list(drift().values())
    assert got[0] == 0.0
    np.testing.assert_allclose(got[1:], 0.5, **EXACT)  # linear above: all by one factor


def test_first_order_drift_sums_over_the_layers_below():
    """(2) of drift.py against the complex step, Im h(W + i·ΔW)/1, exact to rounding."""
    net, x = deep_linear()
    Ws = [layer.weight.numpy() for layer in net]
    dW = [rng(9 + i).normal(size=W.shape) for i, W in enumerate(Ws)]
    tiny = 1e-30
    slope = [h.imag / tiny
             for h in states([W + 1j * tiny * d for W, d in zip(Ws, dW)], x)]  # fmt: skip
    below, d = [x.T, *states(Ws, x)], 0
    for i, (W, dWi) in enumerate(zip(Ws, dW)):
        d = W @ d + dWi @ below[i] if i else dWi @ below[0]
        np.testing.assert_allclose(d, slope[i], rtol=1e-11, atol=1e-11)


def test_watching_leaves_the_model_as_it_was():
    model = resnet_tiny(rng(), widths=(2, 3, 4))
    model.layer2.eval()
    modes = [m.training for m in model.modules()]
    state = {n: a.numpy().copy() for n, a in model.state_dict().items()}
    found = features(model, rng(1).normal(size=(3, 1, 8, 8)).astype("f4"), ["layer2"])
    assert found["layer2"].shape == (3, 3, 4, 4)
    assert modes == [m.training for m in model.modules()]
    assert all(np.array_equal(a.numpy(), state[n])
               for n, a in model.state_dict().items())  # fmt: skip
    assert not any(m.deltas() for m in model.modules())


def test_default_names_and_token_inputs():
    model = models.gpt2_tiny(rng(), vocab=11, dim=8, heads=2, layers=2)
    drift = FeatureDrift(model, np.array([[1, 2, 3]]))
    assert drift.names == ["position", "blocks.0", "blocks.1", "head"]
    before = model.blocks[1].mlp.up.weight
    before.data = before.data + 0.1
    got = drift()
    assert got["position"] == got["blocks.0"] == 0.0 and got["blocks.1"] > 0


def test_an_adapter_on_the_way_is_part_of_the_features():
    net, x = deep_linear()
    drift = FeatureDrift(net, x, ["1", "3"])
    handle = peft.attach(net, peft.LoRA(r=1, alpha=1), target="1")
    assert drift() == {"1": 0.0, "3": 0.0}  # B = 0
    (delta,) = handle.deltas.values()
    delta.B.data = delta.B.data + 1.0
    assert drift()["1"] > 0


def test_features_that_began_at_zero():
    net, x = deep_linear()
    net[3].weight.data = 0 * net[3].weight.data
    drift = FeatureDrift(net, x, ["3"])
    assert drift() == {"3": 0.0}
    net[3].weight.data = net[3].weight.data + 1
    assert drift() == {"3": math.inf}


def test_an_unknown_layer_is_an_error():
    with pytest.raises(AttributeError, match="no submodule 'layer9'"):
        FeatureDrift(resnet_tiny(rng(), widths=(2, 3, 4)), np.zeros((1, 1, 8, 8)),
                     ["layer9"])  # fmt: skip


# --- under adapters ------------------------------------------------------------------


@pytest.mark.parametrize(
    "patterns", [None, ["embed|position", "blocks.0", "blocks.1|^norm"]]
)
def test_under_adapters_the_groups_are_the_adapters(patterns):
    """The base is frozen there: unfreezing a group must not thaw it."""
    model = models.gpt2_tiny(rng(), vocab=11, dim=8, heads=2, layers=2, tied=False)
    adapter = peft.attach(model, peft.LoRA(r=2), r"attn\.(q|v)|embed", rng=0)
    groups = layer_groups(model, patterns)
    found = [id(p) for ps in groups.values() for p in ps]
    assert sorted(found) == sorted(id(p) for p in adapter.parameters())
    names = names_of(model, groups)
    name = "embed" if patterns is None else "embed|position"
    assert names[name] == ["embed.default.A", "embed.default.B"]
    assert names["blocks.0"][0] == "blocks.0.attn.q.default.A"
    gradual_unfreeze(groups, epoch=9)
    assert not any(p.requires_grad for p in model.base_parameters())
