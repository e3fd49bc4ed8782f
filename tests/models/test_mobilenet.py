"""MobileNetV2: torchvision's names and sizes, the block as its formula, errors."""

import numpy as np
import pytest

from tinyft import io, models, no_grad, ops, peft, tensor
from tinyft.models import MobileNetV2Config
from tinyft.models.vision.mobilenet import InvertedResidual, eighths

RNG = np.random.default_rng(7)
SMALL = {"stages": ((1, 8, 1, 1), (3, 16, 2, 2)), "classes": 5, "width": 0.5}


def test_names_and_sizes_are_torchvisions():
    """The 314 entries and 3,504,872 parameters of torchvision's mobilenet_v2."""
    model = models.mobilenet_v2(rng=0)
    state = model.state_dict()
    assert len(state) == 314 and model.count() == 3504872
    for name, shape in {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.0.1.running_mean": (32,),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),  # the first block has no E
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.0.0.weight": (96, 16, 1, 1),
        "features.2.conv.1.1.bias": (96,),
        "features.17.conv.3.num_batches_tracked": (),
        "features.18.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1000, 1280),
    }.items():
        assert state[name].shape == shape, name


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.4])
def test_published_widths_have_the_counts_of_their_rows(width):
    """Table 2 of the paper, row by row: E, D, P and their norms; the last convolution
    does not shrink."""
    c, last = eighths(32 * width), eighths(1280 * max(1, width))
    total = 27 * c + 2 * c
    for t, channels, blocks, _ in MobileNetV2Config().stages:
        for _ in range(blocks):
            inside, out = c * t, eighths(channels * width)
            total += (c * inside + 2 * inside) * (t != 1) + 9 * inside + 2 * inside
            total += inside * out + 2 * out
            c = out
    total += c * last + 2 * last + last * 1000 + 1000
    assert models.mobilenet_v2(rng=0, width=width).count() == total


@pytest.mark.parametrize(
    "channels, rounded", [(3, 8), (11.2, 16), (12, 16), (17.9, 24), (22.4, 24)]
)
def test_channels_are_multiples_of_eight(channels, rounded):
    """Rounded to the nearest, but never below 90 % (16 < 0.9 · 17.9 goes up)."""
    assert eighths(channels) == rounded


def test_a_block_is_its_formula():
    block = InvertedResidual(8, 8, 1, 3, rng=0, dtype="f8").eval()
    for module in block.modules():
        if hasattr(module, "running_mean"):
            module.running_mean.data = RNG.standard_normal(module.num_features)
            module.running_var.data = RNG.random(module.num_features) + 0.5
    x = 3 * RNG.standard_normal((2, 8, 7, 5))
    (E, bn1, _), (D, bn2, _), P, bn3 = block.conv

    def normed(y, bn):
        mean, var = (b.data[:, None, None] for b in (bn.running_mean, bn.running_var))
        return (y - mean) / np.sqrt(var + 1e-5)

    h = np.einsum("oc,nchw->nohw", E.weight.data[:, :, 0, 0], x)
    h = np.pad(np.clip(normed(h, bn1), 0, 6), [(0, 0)] * 2 + [(1, 1)] * 2)
    taps = [
        D.weight.data[:, 0, u, v, None, None] * h[:, :, u : u + 7, v : v + 5]
        for u in range(3)
        for v in range(3)
    ]
    h = np.clip(normed(sum(taps), bn2), 0, 6)
    h = np.einsum("oc,nchw->nohw", P.weight.data[:, :, 0, 0], h)
    np.testing.assert_allclose(block(x).numpy(), x + normed(h, bn3), atol=1e-12)


@pytest.mark.parametrize(
    "inputs, outputs, stride, residual",
    [(8, 8, 1, True), (8, 8, 2, False), (8, 16, 1, False)],
)
def test_the_residual_only_where_the_shape_stays(inputs, outputs, stride, residual):
    block = InvertedResidual(inputs, outputs, stride, 2, rng=0).eval()
    block.conv[-1].weight.data *= 0  # the branch gives 0: only x is left
    x = RNG.standard_normal((1, inputs, 6, 6)).astype("f4")
    y = block(x).numpy()
    assert block.residual == residual
    assert np.array_equal(y, x) if residual else not y.any()


@pytest.mark.parametrize("height, width", [(8, 8), (33, 65), (1, 1)])
def test_images_of_any_size(height, width):
    model = models.mobilenet_v2(rng=0, channels=1, **SMALL).eval()
    with no_grad():
        assert model(RNG.random((2, 1, height, width))).shape == (2, 5)


def test_features_are_a_32nd_of_the_image():
    model = models.mobilenet_v2(rng=0, width=0.25).eval()
    with no_grad():
        x = tensor(RNG.random((1, 3, 65, 96)).astype("f4"))
        assert model.features(x).shape == (1, 1280, 3, 3)
        assert model.pooled(x).shape == (1, 1280)


def test_it_learns_and_takes_adapters():
    model = models.mobilenet_v2(rng=0, **SMALL)
    x, y = RNG.random((4, 3, 16, 16)).astype("f4"), np.array([0, 1, 2, 3])
    ops.cross_entropy(model(x), y).backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())
    adapter = peft.attach(
        model, peft.LoRA(r=2), r"features\.\d+\.conv\.2|classifier\.1"
    )
    ops.cross_entropy(model(x), y).backward()
    assert all(p.grad is not None for p in adapter.parameters())


def test_dropout_acts_in_training_only():
    model = models.mobilenet_v2(rng=0, **SMALL, dropout=0.5).eval()
    x = RNG.random((1, 3, 16, 16)).astype("f4")
    a = model(x).numpy()
    assert np.array_equal(a, model(x).numpy())
    model.classifier.train()
    assert not np.array_equal(a, model(x).numpy())


def test_the_shape_of_another_model_and_a_file(tmp_path):
    one = models.mobilenet_v2(rng=0, **SMALL)
    two = models.MobileNetV2(one, rng=1)
    assert two.config == one.config and "width=0.5" in repr(two)
    io.save(tmp_path / "m.safetensors", one.state_dict())
    two.load_state_dict(io.load(tmp_path / "m.safetensors"))
    x = RNG.random((1, 3, 9, 9)).astype("f4")
    assert np.array_equal(one.eval()(x).numpy(), two.eval()(x).numpy())


@pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf")])
def test_a_width_that_is_not_positive_is_refused(width):
    with pytest.raises(ValueError, match="width multiplies the channels"):
        MobileNetV2Config(width=width)


@pytest.mark.parametrize("stage", [(1, 16, 1), (1, 16, 0, 1), (1.5, 16, 1, 1)])
def test_a_stage_is_four_positive_integers(stage):
    with pytest.raises(ValueError, match="four positive integers"):
        MobileNetV2Config(stages=(stage,))
