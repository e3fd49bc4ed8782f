"""Counts, work and receptive fields of ResNets against the models themselves."""

import numpy as np
import pytest

from tinyft import models, nn, no_grad, ops, tensor
from tinyft.autograd import grad
from tinyft.models import ResNetConfig
from tinyft.ops.blocked import products

SMALL = [  # every branch: stems, blocks, a first stage that needs a shortcut or none
    ResNetConfig((2, 1, 1), (4, 6, 8), 5, 2),
    ResNetConfig((1, 2), (4, 6), 3, 3, "imagenet"),
    ResNetConfig((2, 1), (4, 6), 3, 1, "cifar", "bottleneck"),
    ResNetConfig((1, 1, 1), (2, 3, 4), 7, 3, "imagenet", "bottleneck"),
    ResNetConfig((1, 1), (8, 12), 5, 3),  # columns of one tap row
]


@pytest.mark.parametrize("config", SMALL)
def test_parameters_and_sizes_are_the_models(config):
    model = models.ResNet(config, rng=0)
    layers = models.resnet_layers(config, 33)
    assert sum(a.parameters for a in layers) == model.count()
    named = dict(model.named_parameters())
    for a in layers:
        if a.kind != "pool":
            name = f"{a.name}.0.weight" if a.kind == "shortcut" else f"{a.name}.weight"
            assert named[name].size == a.weights


@pytest.mark.parametrize("config", SMALL)
def test_flops_are_the_products_that_happen(config, monkeypatch):
    done, product = [], products.product

    def counting(A, W, out):
        done.append(2 * A.size * W.shape[1])
        product(A, W, out)

    monkeypatch.setattr(products, "product", counting)
    model = models.ResNet(config, rng=0).eval()
    with no_grad():
        model(tensor(np.zeros((1, config.channels, 33, 33), "f4")))
    *convolutions, classifier = models.resnet_layers(config, 33)
    assert sum(done) == sum(a.flops for a in convolutions)
    assert classifier.flops == 2 * model.fc.weight.size


def test_published_numbers():
    """torchvision's tables: parameters, and multiply-adds at 224 x 224 in units of 1e9."""
    for make, count, macs in (
        (models.resnet18, 11_689_512, 1.81),
        (models.resnet34, 21_797_672, 3.66),
        (models.resnet50, 25_557_032, 4.09),
    ):
        with nn.init.skipped():
            layers = models.resnet_layers(make().config, 224)
        assert sum(a.parameters for a in layers) == count
        assert round(sum(a.flops for a in layers) / 2e9, 2) == macs


def support(gradient):
    rows = np.flatnonzero(np.abs(gradient).sum(axis=(0, 1, 3)))
    return rows[-1] - rows[0] + 1


@pytest.mark.parametrize(
    "taps, strides, dilations",
    [
        ((3, 3, 3), (1, 1, 1), (1, 1, 1)),
        ((7, 3, 3, 3, 3), (2, 2, 1, 1, 2), (1, 1, 1, 1, 1)),
        ((3, 3, 3), (2, 1, 2), (1, 2, 4)),
        ((1, 2, 5), (3, 2, 1), (1, 3, 2)),
    ],
)
def test_receptive_field_is_the_support_of_the_gradient(taps, strides, dilations):
    """Positive weights: no two paths cancel. Two neighbours lie one jump apart."""
    r, jump = models.receptive_field(taps, strides, dilations)
    y = x = tensor(np.ones((1, 1, r + jump, 1)), requires_grad=True)
    for k, s, d in zip(taps, strides, dilations):
        y = ops.conv2d(y, tensor(np.ones((1, 1, k, 1))), stride=(s, 1), dilation=(d, 1))
    assert y.shape == (1, 1, 2, 1)
    first = grad(y[0, 0, 0, 0], [x], retain_graph=True)[0].numpy()
    second = grad(y[0, 0, 1, 0], [x])[0].numpy()
    assert support(first) == support(second) == r
    assert np.flatnonzero(second)[0] - np.flatnonzero(first)[0] == jump


@pytest.mark.parametrize(
    "config",
    [
        ResNetConfig((2, 2, 1), (1, 1, 1), 1, 1),
        ResNetConfig((2, 2), (1, 1), 1, 1, "imagenet", "bottleneck"),
    ],
)
def test_receptive_fields_of_every_block(config):
    """Shortcuts included. Max-pooling sees the window that its mean sees."""
    net = models.ResNet(config, rng=0, dtype="f8").eval()
    for p in net.parameters():
        p.data = np.abs(p.data) + 0.1
    x = tensor(np.ones((1, 1, 161, 161)), requires_grad=True)
    y = ops.relu(net.bn1(net.conv1(x)))
    y = ops.avg_pool2d(y, 3, 2, 1) if config.stem == "imagenet" else y
    found = {}
    for i in range(len(config.depths)):
        for j, block in enumerate(getattr(net, f"layer{i + 1}")):
            y = block(y)
            middle = y[0, 0, y.shape[2] // 2, y.shape[3] // 2]
            g = grad(middle, [x], retain_graph=True)[0].numpy()
            found[f"layer{i + 1}.{j}"] = support(g)
    want = models.receptive_fields(config)
    assert found == {name: r for name, (r, _) in want.items()}
    jump = list(want.values())[-1][1]
    assert y.shape[2] == -(-161 // jump)  # ceil


def test_receptive_field_says_which_lengths_differ():
    with pytest.raises(ValueError, match="3 taps, 2 strides and 3 dilations; expected"):
        models.receptive_field((3, 3, 3), (1, 1))[0]
    with pytest.raises(ValueError, match="1 taps, 1 strides and 2 dilations"):
        models.receptive_field((3,), (1,), (1, 1))
