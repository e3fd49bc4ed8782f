"""StochNorm: a coin a channel, its two ends, its mean, gradients, and the swap.

1e-12: one normalisation in float64. The mean over coins is exact, from all 2³ of them.
"""

import itertools

import numpy as np
import pytest

from tinyft import gradcheck, nn, peft, tensor
from tinyft.models import resnet_tiny
from tinyft.transfer import StochNorm2d, stochnorm
from tinyft.transfer.norms.batchnorm import norms

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def draw(seed=0):
    return np.random.default_rng(seed).normal(1, 2, size=(5, 3, 2, 4))


def make(p, rng=0, seed=1):
    numbers = np.random.default_rng(seed)
    layer = StochNorm2d(3, p, rng, dtype="f8")
    layer.weight.data, layer.bias.data = numbers.normal(size=(2, 3))
    layer.running_mean.data = numbers.normal(size=3)
    layer.running_var.data = numbers.uniform(0.5, 2, 3)
    return layer


def two_ends(x, layer):
    """(running, batch) normalisation of x, by hand."""
    row, axes = (1, 3, 1, 1), (0, 2, 3)
    w, b = layer.weight.numpy().reshape(row), layer.bias.numpy().reshape(row)
    stats = [(layer.running_mean.numpy(), layer.running_var.numpy()),
             (x.mean(axes), x.var(axes))]  # fmt: skip
    return [(x - m.reshape(row)) / np.sqrt(v.reshape(row) + layer.eps) * w + b
            for m, v in stats]  # fmt: skip


@pytest.mark.parametrize("p, end", [(1.0, 0), (0.0, 1)])
def test_the_two_ends(p, end):
    x, layer = draw(), make(p)
    want = two_ends(x, layer)[end]  # with the running statistics BEFORE they move
    np.testing.assert_allclose(layer(tensor(x)).numpy(), want, **EXACT)


def test_the_running_statistics_move_as_batchnorms():
    x, layer, plain = draw(), make(0.5), nn.BatchNorm2d(3, dtype="f8")
    plain.load_state_dict(layer.state_dict())
    layer(tensor(x))
    plain(tensor(x))
    for name, a in plain.state_dict().items():
        np.testing.assert_array_equal(layer.state_dict()[name].numpy(), a.numpy())


def test_each_channel_takes_one_end_and_all_patterns_come():
    x, seen = draw(), set()
    for seed in range(80):
        layer = make(0.5, rng=seed)
        ends = two_ends(x, layer)
        y = layer(tensor(x)).numpy()
        coins = tuple(
            min((0, 1), key=lambda e, c=c: abs(y[:, c] - ends[e][:, c]).max())
            for c in range(3)
        )
        for c, e in enumerate(coins):
            np.testing.assert_allclose(y[:, c], ends[e][:, c], **EXACT)
        seen.add(coins)
    assert seen == set(itertools.product((0, 1), repeat=3))  # misses one: 8·(7/8)^80


def test_evaluation_and_frozen_are_batchnorm():
    x, layer = draw(), make(0.5)
    want = two_ends(x, layer)[0]
    np.testing.assert_allclose(layer.eval()(tensor(x)).numpy(), want, **EXACT)
    layer.statistics = "frozen"
    np.testing.assert_allclose(layer.train()(tensor(x)).numpy(), want, **EXACT)


def test_gradients():
    x, numbers = draw(), np.random.default_rng(3)
    u = tensor(numbers.normal(size=x.shape))

    def f(x, w, b):
        layer = make(0.5, rng=4)  # the same coins and running statistics at each call
        layer.__dict__["_parameters"] = {"weight": w, "bias": b}
        return (layer(x) * u).sum()

    xs = [tensor(a, requires_grad=True) for a in (x, *numbers.normal(size=(2, 3)))]
    assert gradcheck(f, *xs)


def test_without_gamma_and_beta():
    layer = StochNorm2d(3, 1.0, 0, affine=False, dtype="f8")
    x = draw()
    np.testing.assert_allclose(
        layer(tensor(x)).numpy(), x / np.sqrt(1 + layer.eps), **EXACT
    )


def test_the_swap_keeps_names_objects_and_output():
    net = resnet_tiny(np.random.default_rng(0), "f8", widths=(3, 4, 5))
    x = np.random.default_rng(1).normal(size=(4, 1, 8, 8))
    net(tensor(x))
    net.bn1.statistics = "frozen"
    y, names = net.eval()(tensor(x)).numpy(), list(net.state_dict())
    ids = [id(p) for p in net.parameters()]
    assert len(stochnorm(net, 0.3, rng=0)) == 9
    layers = norms(net).values()
    assert all(type(m) is StochNorm2d and m.p == 0.3 for m in layers)
    assert list(net.state_dict()) == names and [id(p) for p in net.parameters()] == ids
    assert net.bn1.statistics == "frozen" and not net.bn1.training
    np.testing.assert_array_equal(net(tensor(x)).numpy(), y)
    assert "p=0.3, statistics='frozen'" in repr(net.bn1)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_out_of_range(p):
    with pytest.raises(ValueError, match=r"should be in \[0, 1\]"):
        StochNorm2d(3, p)


def test_nothing_to_swap_or_adapters_there():
    with pytest.raises(ValueError, match="has 0 BatchNorm2d layers"):
        stochnorm(nn.Sequential(nn.Linear(2, 2)))
    net = resnet_tiny(np.random.default_rng(0), widths=(2, 2, 2))
    peft.attach(net, peft.LoRA(r=1), "fc", also="^bn1", rng=0)
    with pytest.raises(ValueError, match="without adapters"):
        stochnorm(net)
