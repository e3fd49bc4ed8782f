"""BatchNorm's statistics under transfer: modes, exact recomputation, score A, counts.

Tolerances: 1e-12 relative for sums of some hundred terms in float64; the recomputed
statistics are compared with one training pass over all data, another code path.
"""

import math

import numpy as np
import pytest

from tinyft import nn, ops, peft, tensor
from tinyft.models import mlp, resnet_tiny
from tinyft.transfer import batchnorm, ema_batches, shift_score, shift_scores
from tinyft.transfer.norms.batchnorm import ema, norms
from tinyft.transfer.norms.moments import pool

EXACT = {"rtol": 1e-12, "atol": 1e-12}
RNG = np.random.default_rng(10)


def model(seed=0, dtype="f8"):
    """A small ResNet whose statistics, γ and β are those of no data at all."""
    rng = np.random.default_rng(seed)
    net = resnet_tiny(rng, dtype, widths=(3, 4, 5), classes=4)
    for layer in norms(net).values():
        C = layer.num_features
        layer.running_mean.data = rng.normal(size=C).astype(dtype)
        layer.running_var.data = rng.uniform(0.5, 2, C).astype(dtype)
        layer.weight.data = rng.normal(size=C).astype(dtype)
        layer.bias.data = rng.normal(size=C).astype(dtype)
    return net


def images(*sizes, dtype="f8"):
    """Batches of unequal size whose means differ."""
    return [(RNG.normal(size=(n, 1, 8, 8)) * 2 + k).astype(dtype)
            for k, n in enumerate(sizes)]  # fmt: skip


def state(net):
    return {name: a.numpy().tobytes() for name, a in net.state_dict().items()}


# --- modes ---------------------------------------------------------------------------


def test_it_sets_every_layer_and_names_them():
    net = model()
    layers = batchnorm(net, "freeze")
    assert len(layers) == 9 and "layer2.0.downsample.1" in layers
    assert {layer.statistics for layer in layers.values()} == {"frozen"}
    batchnorm(net, "update")
    assert {layer.statistics for layer in layers.values()} == {"update"}


def test_a_freeze_survives_train_and_an_update_moves():
    net, (x,) = model(), images(6)
    batchnorm(net, "freeze")
    before = state(net)
    y = net.train()(tensor(x)).numpy()
    assert state(net) == before
    np.testing.assert_array_equal(y, net.eval()(tensor(x)).numpy())
    batchnorm(net, "update")
    net.train()(tensor(x))
    after = state(net)
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {name for name in before if "running" in name or "num" in name}


@pytest.mark.parametrize("statistics", ["freeze", "update", "recompute"])
@pytest.mark.parametrize("affine", [True, False, None])
def test_gamma_and_beta_are_another_question(statistics, affine):
    net = model()
    net.bn1.weight.requires_grad_(False)
    before = {name: p.requires_grad for name, p in net.named_parameters()}
    data = {"batches": images(5)} if statistics == "recompute" else {}
    layers = batchnorm(net, statistics, affine=affine, **data)
    norm = {f"{path}.{n}" for path in layers for n in ("weight", "bias")}
    for name, p in net.named_parameters():
        changed = name in norm and affine is not None
        assert p.requires_grad == (affine if changed else before[name]), name


def test_a_stale_gradient_is_dropped():
    net, (x,) = model(), images(4)
    (net(tensor(x)) ** 2).sum().backward()
    batchnorm(net, "freeze", affine=False)
    assert net.bn1.weight.grad is None and net.conv1.weight.grad is not None


@pytest.mark.parametrize(
    "statistics, batches", [("frozen", None), ("recompute", None), ("freeze", [1])]
)
def test_a_wrong_word_or_wrong_batches(statistics, batches):
    with pytest.raises(ValueError, match="expected 'freeze', 'update', or 'recompute'"):
        batchnorm(model(), statistics, batches)


def test_a_model_without_batchnorm():
    with pytest.raises(ValueError, match="has 0 BatchNorm layers"):
        batchnorm(mlp(3, 4, 2), "freeze")


def test_a_layer_without_running_statistics():
    net = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False))
    with pytest.raises(ValueError, match="0 has track_running_stats=False"):
        batchnorm(net, "freeze")


# --- recomputation -------------------------------------------------------------------


def one_big_batch(net, x):
    """The reference: a training pass over all data at once, with momentum 1."""
    for layer in norms(net).values():
        layer.momentum = 1.0
    net.train()(tensor(x))
    return net


@pytest.mark.parametrize("sizes", [(13,), (2, 7, 4), (1, 1, 11)])
def test_recomputed_is_one_training_pass_over_everything(sizes):
    net, xs = model(), images(*sizes)
    want = one_big_batch(model(), np.concatenate(xs))
    layers = batchnorm(net, "recompute", iter(xs))
    for path, layer in layers.items():
        twin = want.get_submodule(path)
        for name in ("running_mean", "running_var"):
            got, ref = getattr(layer, name).numpy(), getattr(twin, name).numpy()
            np.testing.assert_allclose(got, ref, rtol=1e-10, atol=1e-10, err_msg=path)
        assert layer.statistics == "frozen"
        assert layer.num_batches_tracked.item() == len(sizes)


def test_labels_may_come_along_and_float32_stays():
    net, xs = model(dtype="f4"), images(5, 3, dtype="f4")
    batchnorm(net, "recompute", [(x, np.zeros(len(x), int)) for x in xs])
    want = one_big_batch(model(dtype="f4"), np.concatenate(xs))
    got, ref = (m.layer3[0].bn2.running_var for m in (net, want))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.numpy(), ref.numpy(), rtol=1e-4)  # nine layers


def test_recomputing_leaves_modes_parameters_and_seams_alone():
    net = model()
    net.layer1.eval()
    modes = [m.training for m in net.modules()]
    parameters = [p.data.copy() for p in net.parameters()]
    batchnorm(net, "recompute", images(4, 3))
    assert modes == [m.training for m in net.modules()]
    assert all(np.array_equal(p.data, a) for p, a in zip(net.parameters(), parameters))
    assert not any(m._deltas for m in net.modules())


def test_an_unused_layer_or_no_data_is_refused():
    net = model()
    net.spare = nn.BatchNorm2d(3)
    with pytest.raises(ValueError, match=r"1 batches came, and .* 9 of its 10"):
        batchnorm(net, "recompute", images(4))
    with pytest.raises(ValueError, match="0 batches came"):
        batchnorm(model(), "recompute", [])


def test_pooled_moments_are_those_of_the_union():
    parts = [RNG.normal(k, 1 + k, size=(n, 3)) for k, n in enumerate((5, 1, 8))]
    got = pool([len(p) for p in parts], [p.mean(0) for p in parts],
               [p.var(0) for p in parts])  # fmt: skip
    union = np.concatenate(parts)
    np.testing.assert_allclose(got[0], union.mean(0), **EXACT)
    np.testing.assert_allclose(got[1], union.var(0), **EXACT)


# --- closed forms --------------------------------------------------------------------


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.1])
def test_the_score_is_the_mean_squared_change_of_the_output(eps):
    x = RNG.exponential(1.7, size=(40, 3, 2, 2))  # skewed: no Gaussian is needed
    mean_s, weight = RNG.normal(size=3), RNG.normal(size=3)
    var_s, bias = RNG.uniform(0.5, 2, 3), RNG.normal(size=3)
    args = tensor(weight), tensor(bias)
    frozen = ops.batch_norm(tensor(x), mean_s, var_s, *args, eps=eps)
    updated = ops.batch_norm(tensor(x), None, None, *args, eps=eps)
    want = ((frozen - updated).numpy() ** 2).mean(axis=(0, 2, 3))
    axes = (0, 2, 3)
    got = shift_score(mean_s, var_s, x.mean(axes), x.var(axes), weight, eps)
    np.testing.assert_allclose(got, want, **EXACT)


def test_scores_of_a_model_are_those_of_its_layers():
    net, xs = model(), images(5, 2)
    scores, before = shift_scores(net, xs), state(net)
    x = tensor(np.concatenate(xs))
    net.eval()
    h = ops.relu(net.bn1(net.conv1(x)))  # what layer1.0.conv1 reads
    layer = net.layer1[0].bn1
    y = net.layer1[0].conv1(h)
    frozen, shared = layer(y), (layer.weight, layer.bias)
    updated = ops.batch_norm(y, None, None, *shared, eps=layer.eps)
    want = ((frozen - updated).numpy() ** 2).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(scores["layer1.0.bn1"], want, rtol=1e-10)
    assert next(iter(scores)) == "bn1" and len(scores) == 9 and state(net) == before


def test_a_layer_without_gamma_counts_as_one():
    net, (x,) = nn.Sequential(nn.BatchNorm2d(2, affine=False, dtype="f8")), [
        RNG.normal(3, 2, size=(6, 2, 2, 2))
    ]  # fmt: skip
    axes = (0, 2, 3)
    want = shift_score(np.zeros(2), np.ones(2), x.mean(axes), x.var(axes))
    np.testing.assert_allclose(shift_scores(net, [x])["0"], want, **EXACT)


@pytest.mark.parametrize("momentum", [0.1, 0.37, 1.0])
def test_ema_is_the_layers_own_recursion(momentum):
    layer = nn.BatchNorm2d(3, momentum=momentum, dtype="f8")
    xs = [RNG.normal(k, 2, size=(4 + k, 3, 2, 1)) for k in range(5)]
    for x in xs:
        layer(tensor(x))
    axes = (0, 2, 3)
    mean = ema(0.0, [x.mean(axes) for x in xs], momentum)
    var = ema(1.0, [x.var(axes, ddof=1) for x in xs], momentum)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, **EXACT)
    np.testing.assert_allclose(layer.running_var.numpy(), var, **EXACT)


@pytest.mark.parametrize("momentum", [0.01, 0.1, 0.5, 0.9])
def test_batches_until_the_old_statistics_weigh_delta(momentum):
    for delta in (0.5, 0.1, 0.01, 0.05):
        t, weight = 0, 1.0
        while weight > delta:
            t, weight = t + 1, weight * (1 - momentum)
        assert ema_batches(delta, momentum) == t
    assert ema_batches((1 - momentum) ** 7, momentum) == 7  # met exactly


def test_known_numbers_and_the_ends():
    assert (ema_batches(0.1), ema_batches(0.01), ema_batches(0.3, 1.0)) == (22, 44, 1)


@pytest.mark.parametrize(
    "delta, m", [(0, 0.1), (1, 0.1), (0.1, 0), (0.1, 1.1), (math.nan, 1)]
)
def test_numbers_out_of_range(delta, m):
    with pytest.raises(ValueError, match=r"expected 0 < delta < 1"):
        ema_batches(delta, m)


# --- with adapters -------------------------------------------------------------------


def test_under_an_adapter_only_its_copies_are_set():
    net, xs = model(), images(6, 4)
    base = state(net)
    y = net.eval()(tensor(xs[0])).numpy()
    adapter = peft.attach(net, peft.LoRA(r=2), "fc", also=r".*\bbn1", rng=0)
    layers = batchnorm(net, "recompute", xs, affine=True)
    assert set(layers) == {"bn1", *(f"layer{i}.0.bn1" for i in (1, 2, 3))}
    assert all(layers[p] is adapter.deltas[p].copy for p in layers)
    assert state(net) == base
    assert not np.allclose(net(tensor(xs[0])).numpy(), y)
    with peft.disabled(net):
        np.testing.assert_array_equal(net(tensor(xs[0])).numpy(), y)


def test_recomputed_copies_are_the_pass_over_everything_too():
    net, xs = model(), images(6, 4)
    peft.attach(net, peft.LoRA(r=2), "fc", also=r"bn\d|downsample\.1", rng=0)
    want = one_big_batch(model(), np.concatenate(xs))
    for path, layer in batchnorm(net, "recompute", xs).items():
        ref = want.get_submodule(path)
        np.testing.assert_allclose(
            layer.running_var.numpy(), ref.running_var.numpy(), rtol=1e-10
        )


def test_a_base_at_rest_is_not_moved():
    net = model()
    peft.attach(net, peft.LoRA(r=2), "fc", rng=0)
    with pytest.raises(ValueError, match="under an adapter the base stays fixed"):
        batchnorm(net, "update")
