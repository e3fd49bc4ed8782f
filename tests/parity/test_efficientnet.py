"""EfficientNet-Lite0 against the same network in PyTorch, TensorFlow's padding included.

In float64 what remains is rounding through 49 convolutions.
"""

import numpy as np
import pytest

from tinyft import models, nn, ops, tensor
from tinyft.models.vision.efficientnet import same

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")
tnn, F = torch.nn, torch.nn.functional

RNG = np.random.default_rng(0)
STAGES = ((1, 16, 1, 1, 3), (4, 24, 2, 2, 5), (2, 24, 1, 2, 3), (3, 32, 1, 1, 5))


def padded(conv, x):
    """F.conv2d on an image padded as TensorFlow does, from the definition: the output
    has ceil(n / s) pixels, and the window of the last one ends inside the padding."""
    k, s, sides = conv.kernel_size[0], conv.stride[0], []
    for n in (x.shape[3], x.shape[2]):
        out = int(np.ceil(n / s))
        need = max(0, (out - 1) * s + k - n)
        sides += [need // 2, need - need // 2]
    return F.conv2d(F.pad(x, sides), conv.weight, None, s, 0, 1, conv.groups)


class Block(tnn.Module):
    def __init__(self, i, o, s, k, t):
        super().__init__()
        h, self.skip = i * t, s == 1 and i == o
        if t != 1:
            self._expand_conv = tnn.Conv2d(i, h, 1, bias=False)
            self._bn0 = tnn.BatchNorm2d(h, 1e-3)
        self._depthwise_conv = tnn.Conv2d(h, h, k, s, groups=h, bias=False)
        self._bn1 = tnn.BatchNorm2d(h, 1e-3)
        self._project_conv = tnn.Conv2d(h, o, 1, bias=False)
        self._bn2 = tnn.BatchNorm2d(o, 1e-3)

    def forward(self, x):
        y = x
        if hasattr(self, "_expand_conv"):
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(padded(self._depthwise_conv, y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y


class Net(tnn.Module):
    def __init__(self, classes):
        super().__init__()
        self._conv_stem = tnn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = tnn.BatchNorm2d(32, 1e-3)
        blocks, i = [], 32
        for t, c, n, s, k in STAGES:
            for j in range(n):
                blocks.append(Block(i, c, s if j == 0 else 1, k, t))
                i = c
        self._blocks = tnn.ModuleList(blocks)
        self._conv_head = tnn.Conv2d(i, 1280, 1, bias=False)
        self._bn1 = tnn.BatchNorm2d(1280, 1e-3)
        self._fc = tnn.Linear(1280, classes)

    def forward(self, x):
        x = F.relu6(self._bn0(padded(self._conv_stem, x)))
        for block in self._blocks:
            x = block(x)
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean([2, 3]))


def pair():
    torch.manual_seed(0)
    theirs = Net(7)
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if name.endswith("running_var"):
                value += torch.rand_like(value)
            elif value.ndim == 1:
                value += 0.1 * torch.randn_like(value)
    theirs = theirs.double().eval()
    ours = models.efficientnet_lite0(0, "float64", classes=7, stages=STAGES)
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    return ours.eval(), theirs


def worst(a, b):
    a, b = np.asarray(a), b.detach().numpy()
    assert a.shape == b.shape
    return np.abs(a - b).max() / max(1e-3, np.abs(b).max())


@pytest.mark.parametrize("size", [(32, 32), (31, 18), (5, 7), (1, 1)])
def test_logits_of_any_size(size):
    ours, theirs = pair()
    x = RNG.standard_normal((2, 3, *size))
    assert worst(ours(x).numpy(), theirs(torch.tensor(x))) < 1e-11


def test_gradients_in_training():
    ours, theirs = pair()
    ours.train()._dropout.eval()
    theirs.train()
    x, y = RNG.standard_normal((4, 3, 33, 32)), RNG.integers(0, 7, 4)
    x_, z = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ops.cross_entropy(ours(x_), y).backward()
    F.cross_entropy(theirs(z), torch.tensor(y)).backward()
    assert worst(x_.grad.numpy(), z.grad) < 1e-9
    mine, state = dict(ours.named_parameters()), ours.state_dict()
    for name, p in theirs.named_parameters():
        assert worst(mine[name].grad.numpy(), p.grad) < 1e-9, name
    for name, value in theirs.state_dict().items():
        assert worst(state[name].numpy(), value) < 1e-10, name


def test_folded_it_is_the_same():
    ours, theirs = pair()
    assert len(nn.fold_batchnorm(ours)) == 2 + 2 + 4 * 3
    x = RNG.standard_normal((2, 3, 32, 32))
    assert worst(ours(x).numpy(), theirs(torch.tensor(x))) < 1e-11


@pytest.mark.parametrize(
    "n, size, stride, before, after",
    [
        (224, 3, 2, 0, 1),
        (7, 3, 2, 1, 1),
        (28, 5, 2, 1, 2),
        (8, 3, 1, 1, 1),
        (8, 1, 2, 0, 0),
    ],
)
def test_same_padding(n, size, stride, before, after):
    """TensorFlow's: the odd pixel goes below and to the right."""
    x = tensor(np.ones((1, 1, n, n)))
    line = same(x, size, stride).numpy()[0, 0, n // 2]
    assert line.tolist() == [0] * before + [1] * n + [0] * after


@pytest.mark.parametrize("stage", [(1, 16, 1, 1), (1, 16, 1, 0, 3)])
def test_a_stage_is_five_positive_integers(stage):
    with pytest.raises(ValueError, match="five positive integers"):
        models.EfficientNetConfig(stages=(stage,))
