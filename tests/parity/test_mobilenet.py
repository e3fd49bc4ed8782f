"""MobileNetV2 against the same network in PyTorch: logits, gradients, a training step.

torchvision is not needed: its network is the thirty lines below, with its names. In
float64 what remains is rounding through 52 convolutions: 1e-11 of the largest entry.
"""

import numpy as np
import pytest

from tinyft import models, nn, ops, pretrained, tensor
from tinyft.course.lessons.real.ch29_golden import ESPRESSO

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")
tnn = torch.nn

RNG = np.random.default_rng(0)
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
          (6, 160, 3, 2), (6, 320, 1, 1)]  # fmt: skip


def conv(i, o, size, stride=1, groups=1):
    return tnn.Sequential(
        tnn.Conv2d(i, o, size, stride, size // 2, groups=groups, bias=False),
        tnn.BatchNorm2d(o),
        tnn.ReLU6(inplace=True),
    )


class Inverted(tnn.Module):
    def __init__(self, i, o, stride, t):
        super().__init__()
        self.skip = stride == 1 and i == o
        layers = [conv(i, i * t, 1)] if t != 1 else []
        last = tnn.Conv2d(i * t, o, 1, bias=False), tnn.BatchNorm2d(o)
        self.conv = tnn.Sequential(*layers, conv(i * t, i * t, 3, stride, i * t), *last)

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


class TorchMobileNetV2(tnn.Module):
    def __init__(self, classes, wide=lambda c: c):
        super().__init__()
        layers, i = [conv(3, wide(32), 3, 2)], wide(32)
        for t, c, n, s in STAGES:
            for j in range(n):
                layers.append(Inverted(i, wide(c), s if j == 0 else 1, t))
                i = wide(c)
        self.features = tnn.Sequential(*layers, conv(i, 1280, 1))
        self.classifier = tnn.Sequential(tnn.Dropout(0.2), tnn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


def pair(quarter=True, dtype="float64", classes=7):
    """The two models with the same values: norms and statistics off their start."""
    torch.manual_seed(0)
    wide = {32: 8, 16: 8, 24: 8, 64: 16, 96: 24, 160: 40, 320: 80}
    theirs = TorchMobileNetV2(classes, wide.get if quarter else lambda c: c)
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if name.endswith("running_var"):
                value += torch.rand_like(value)
            elif value.ndim == 1:
                value += 0.1 * torch.randn_like(value)
    theirs = theirs.to(getattr(torch, dtype)).eval()
    ours = models.mobilenet_v2(
        0, dtype, classes=classes, width=0.25 if quarter else 1.0
    )
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    return ours.eval(), theirs


def images(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


def worst(a, b):
    a, b = np.asarray(a), b.detach().numpy()
    assert a.shape == b.shape
    return np.abs(a - b).max() / max(1e-3, np.abs(b).max())


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_logits_in_evaluation(size):
    ours, theirs = pair()
    x = images(2, 3, *size)
    assert worst(ours(x).numpy(), theirs(torch.tensor(x))) < 1e-11


def test_the_whole_shape_in_float32():
    ours, theirs = pair(quarter=False, dtype="float32", classes=1000)
    x = images(1, 3, 64, 64, dtype="float32")
    assert worst(ours(x).numpy(), theirs(torch.tensor(x))) < 1e-4


@pytest.mark.parametrize("training", [False, True])
def test_gradients(training):
    ours, theirs = pair()
    for model in (ours, theirs):
        model.train(training)
        model.classifier.eval()  # dropout draws other numbers in the two libraries
    x, y = images(4, 3, 64, 64), RNG.integers(0, 7, 4)
    x_ = tensor(x, requires_grad=True)
    ops.cross_entropy(ours(x_), y).backward()
    z = torch.tensor(x, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(theirs(z), torch.tensor(y))
    loss.backward()
    assert worst(x_.grad.numpy(), z.grad) < 1e-9
    mine = dict(ours.named_parameters())
    for name, p in theirs.named_parameters():
        assert worst(mine[name].grad.numpy(), p.grad) < 1e-9, name
    if training:  # the running statistics moved alike
        state = ours.state_dict()
        for name, value in theirs.state_dict().items():
            assert worst(state[name].numpy(), value) < 1e-10, name


def test_folded_networks_agree_too():
    ours, theirs = pair()
    x = images(2, 3, 32, 32)
    nn.fold_batchnorm(ours)
    assert worst(ours(x).numpy(), theirs(torch.tensor(x))) < 1e-11


def test_the_golden_values_of_chapter_29():
    """ImageNet's weights on a photograph that torch itself crops, resizes and scales."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="reads the photograph")
    try:
        weights, photos = (
            pretrained.fetched(n) for n in ("mobilenetv2", "photographs")
        )
    except FileNotFoundError as error:
        pytest.skip(str(error))
    theirs = TorchMobileNetV2(1000)
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    x = torch.tensor(plt.imread(photos / "coffee.png")).double()[25:375, 125:475]
    x = (255 * x).round().permute(2, 0, 1)[None]
    x = tnn.functional.interpolate(x, (224, 224), mode="bilinear", align_corners=True)
    mean, std = (
        torch.tensor(v, dtype=torch.float64)[:, None, None]
        for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.no_grad():
        logits = theirs.double().eval()((x.round() / 255 - mean) / std)[0].numpy()
    assert list(np.argsort(-logits)[:5]) == list(ESPRESSO)
    want = list(ESPRESSO.values())  # stored with six digits
    np.testing.assert_allclose(logits[list(ESPRESSO)], want, atol=1e-6)
