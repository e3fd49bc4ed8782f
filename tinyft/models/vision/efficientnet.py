"""EfficientNet-Lite0: inverted residuals for phones (Tan, Le 2019; Liu 2020).

The blocks of MobileNetV2 with kernels of 3 or 5, relu6, no squeeze and excitation, and
TensorFlow's "same" padding: an image of n pixels gives ceil(n / stride), and where the
padding is odd the larger half goes below and to the right:

    total = max((ceil(n / s) - 1) s + k - n, 0),   before = total // 2

Names as in the files of efficientnet_lite_pytorch: _conv_stem, _blocks.0._project_conv,
_fc. Random depth (drop connect) is not applied in training.
"""

from dataclasses import asdict, dataclass, replace

from tinyft import nn, ops
from tinyft.nn.shape import positive

STAGES = (  # t, channels, blocks, stride of the first one, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM, LAST = 32, 1280


@dataclass(frozen=True)
class EfficientNetConfig:
    """Sizes of an EfficientNet-Lite."""

    classes: int = 1000
    channels: int = 3  # of the image
    dropout: float = 0.2  # before the classifier
    eps: float = 1e-3  # of every norm
    stages: tuple = STAGES

    def __post_init__(self):
        positive("EfficientNetConfig", classes=self.classes, channels=self.channels)
        for stage in self.stages:
            if len(stage) != 5 or any(type(n) is not int or n < 1 for n in stage):
                raise ValueError(
                    "EfficientNetConfig: a stage is (expansion, channels, blocks, stride, "
                    f"kernel), five positive integers, got {stage!r}"
                )

    def to_dict(self):
        """As a plain dict, for checkpoint headers."""
        return asdict(self)


def efficientnet_lite0(rng=None, dtype=None, **changes):
    """EfficientNet-Lite0 for ImageNet, 4,652,008 parameters."""
    return EfficientNet(replace(EfficientNetConfig(), **changes), rng, dtype)


def same(x, size, stride):
    """x (N, C, H, W) padded with zeros as TensorFlow's "same" does."""
    widths = [(0, 0), (0, 0)]
    for n in x.shape[2:]:
        total = max((-(-n // stride) - 1) * stride + size - n, 0)
        widths.append((total // 2, total - total // 2))
    return ops.pad(x, widths) if any(map(any, widths)) else x


def conv(inputs, outputs, size, stride, groups, rng, dtype):
    """A convolution without bias, for an image that `same` has padded."""
    layer = nn.Conv2d(inputs, outputs, size, stride, 0, groups, False, rng, dtype)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", rng=rng)
    return layer


class MBConv(nn.Module):
    """bn(P(relu6(bn(D(relu6(bn(E(x)))))))), plus x where the shape stays."""

    norms_of = (
        ("_expand_conv", "_bn0"),
        ("_depthwise_conv", "_bn1"),
        ("_project_conv", "_bn2"),
    )

    def __init__(self, inputs, outputs, stride, size, t, eps, rng=None, dtype=None):
        rng, inside = nn.init.generator(rng), inputs * t
        self.size, self.stride = size, stride
        self.residual = stride == 1 and inputs == outputs
        if t != 1:
            self._expand_conv = conv(inputs, inside, 1, 1, 1, rng, dtype)
            self._bn0 = nn.BatchNorm2d(inside, eps, dtype=dtype)
        self.expands = t != 1
        self._depthwise_conv = conv(inside, inside, size, stride, inside, rng, dtype)
        self._bn1 = nn.BatchNorm2d(inside, eps, dtype=dtype)
        self._project_conv = conv(inside, outputs, 1, 1, 1, rng, dtype)
        self._bn2 = nn.BatchNorm2d(outputs, eps, dtype=dtype)

    def forward(self, x):
        y = x
        if self.expands:
            y = ops.relu6(self._bn0(self._expand_conv(y)))
        y = same(y, self.size, self.stride)
        y = ops.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    """config: an EfficientNetConfig, or a model whose shape to take.

    Images (N, channels, H, W) of any size to logits (N, classes). The published weights
    want data.normalised(x, "lite")."""

    norms_of = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))

    def __init__(self, config=None, rng=None, dtype=None):
        config = config or EfficientNetConfig()
        self.config = config = getattr(config, "config", config)
        rng, width, eps = nn.init.generator(rng), STEM, config.eps
        self._conv_stem = conv(config.channels, width, 3, 2, 1, rng, dtype)
        self._bn0 = nn.BatchNorm2d(width, eps, dtype=dtype)
        self._blocks = nn.ModuleList()
        for t, channels, blocks, stride, size in config.stages:
            for i in range(blocks):
                first = stride if i == 0 else 1
                block = MBConv(width, channels, first, size, t, eps, rng, dtype)
                self._blocks.append(block)
                width = channels
        self._conv_head = conv(width, LAST, 1, 1, 1, rng, dtype)
        self._bn1 = nn.BatchNorm2d(LAST, eps, dtype=dtype)
        self._dropout = nn.Dropout(config.dropout, rng)
        self._fc = nn.Linear(LAST, config.classes, True, rng, dtype)

    def forward(self, x):
        return self._fc(self._dropout(self.pooled(x)))

    def pooled(self, x):
        """The features' mean over the image (N, 1280), which the classifier reads."""
        x = ops.relu6(self._bn0(self._conv_stem(same(x, 3, 2))))
        for block in self._blocks:
            x = block(x)
        return ops.relu6(self._bn1(self._conv_head(x))).mean(axis=(2, 3))

    def extra_repr(self):
        return f"classes={self.config.classes}"
