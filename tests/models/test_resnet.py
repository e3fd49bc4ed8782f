"""ResNets: shapes and strides, names, a block as its formula, gradients, errors."""

import numpy as np
import pytest

from tinyft import models, no_grad, ops, tensor
from tinyft.models import ResNetConfig

RNG = np.random.default_rng(7)


def images(*shape):
    return RNG.standard_normal(shape).astype("f4")


def test_shapes_through_the_stages():
    m, x = models.resnet20(rng=0).eval(), tensor(images(2, 3, 32, 32))
    sizes = []
    with no_grad():
        x = ops.relu(m.bn1(m.conv1(x)))
        for i in (1, 2, 3):
            x = getattr(m, f"layer{i}")(x)
            sizes.append(x.shape)
    assert sizes == [(2, 16, 32, 32), (2, 32, 16, 16), (2, 64, 8, 8)]


def test_imagenet_stem_reduces_by_32():
    m = models.resnet18(rng=0, classes=7).eval()
    with no_grad():
        x = m.maxpool(m.bn1(m.conv1(tensor(images(1, 3, 64, 64)))))
        assert x.shape == (1, 64, 16, 16)
        for i in (1, 2, 3, 4):
            x = getattr(m, f"layer{i}")(x)
        assert x.shape == (1, 512, 2, 2)
        assert m(tensor(images(1, 3, 64, 64))).shape == (1, 7)


def test_names_are_torchvisions():
    names = set(models.resnet18(rng=0).state_dict())
    assert len(names) == 122  # torchvision's resnet18 has 122 entries
    for name in (
        "conv1.weight",
        "bn1.num_batches_tracked",
        "layer1.0.conv1.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_var",
        "layer4.1.bn2.bias",
        "fc.weight",
    ):
        assert name in names
    assert not any(n.startswith("layer1.0.downsample") for n in names)


def test_basic_block_is_its_formula():
    block = models.resnet_tiny(rng=0, dtype="f8").layer2[0].eval()
    x = tensor(RNG.standard_normal((2, 16, 8, 8)))
    for bn in (block.bn1, block.bn2, block.downsample[1]):
        bn.running_mean.data = RNG.standard_normal(bn.num_features)
        bn.running_var.data = RNG.random(bn.num_features) + 0.5
    y = ops.relu(block.bn1(block.conv1(x)))
    y = block.bn2(block.conv2(y)) + block.downsample[1](block.downsample[0](x))
    np.testing.assert_array_equal(block(x).numpy(), np.maximum(y.numpy(), 0))


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_gradient_is_the_derivative_along_a_random_direction(block):
    """Central difference in float64; between relu's kinks the net is smooth."""
    m = models.resnet_tiny(rng=0, dtype="f8", block=block, widths=(4, 8, 8))
    x, h = tensor(RNG.standard_normal((3, 1, 8, 8))), 1e-6
    labels = np.array([1, 4, 9])
    direction = {n: RNG.standard_normal(p.shape) for n, p in m.named_parameters()}

    def moved(step):
        for name, p in m.named_parameters():
            p.data = p.data + step * direction[name]
        with no_grad():
            return ops.cross_entropy(m(x), labels).item()

    ops.cross_entropy(m(x), labels).backward()
    got = sum((p.grad.numpy() * direction[n]).sum() for n, p in m.named_parameters())
    want = (moved(h) - moved(-2 * h)) / (2 * h)
    assert abs(got - want) < 1e-5 * max(1, abs(want))


def test_features_are_what_fc_reads():
    m = models.resnet_tiny(rng=0).eval()
    x = tensor(images(2, 1, 8, 8))
    features = m.features(x)
    assert features.shape == (2, 64)
    np.testing.assert_array_equal(m.fc(features).numpy(), m(x).numpy())


def test_convolutions_start_at_fan_out():
    """Var = 2 / (out · k²), He's for the gradient; z below 4."""
    for layer in (models.resnet20(rng=0).conv1, models.resnet20(rng=0).layer3[2].conv2):
        W = layer.weight.numpy()
        z = (W.var() * W.shape[0] * 9 / 2 - 1) / np.sqrt(2 / W.size)
        assert abs(z) < 4


def test_configs_and_errors():
    m = models.resnet_tiny(rng=0, classes=4)
    assert ResNetConfig(**m.config.to_dict()) == m.config
    assert models.ResNet(m, rng=1).count() == m.count()
    with pytest.raises(ValueError, match="block must be one of 'basic', 'bottleneck'"):
        models.resnet20(block="wide")
    with pytest.raises(ValueError, match="stem must be one of 'cifar', 'imagenet'"):
        models.resnet20(stem="digits")
    with pytest.raises(ValueError, match="one entry for each stage"):
        models.resnet20(depths=(1, 1))
    with pytest.raises(ValueError, match=r"conv2d: .*3 channels come"):
        m(tensor(images(1, 3, 8, 8)))
