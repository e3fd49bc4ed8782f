"""MobileNetV2: inverted residuals with linear bottlenecks (Sandler et al. 2018).

    y = x + P(D(E(x)))                    x only where the shape stays
    E 1×1, t times wider, bn, relu6;   D 3×3 depthwise, bn, relu6;   P 1×1, bn

Wide inside and narrow between the blocks, so a residual block the other way round; P has
no activation, for a relu would destroy information in so few channels. Names as in
torchvision, whose weights load unchanged: features.0.0 ... features.18.0, classifier.1.
"""

from dataclasses import asdict, dataclass, replace

from tinyft import nn
from tinyft.nn.shape import positive

STAGES = (  # t, channels, blocks, stride of the first one
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True)
class MobileNetV2Config:
    """Sizes of a MobileNetV2. width: what the channels are multiplied by."""

    classes: int = 1000
    width: float = 1.0
    channels: int = 3  # of the image
    dropout: float = 0.2  # before the classifier
    stages: tuple = STAGES  # (t, channels, blocks, stride) each

    def __post_init__(self):
        positive("MobileNetV2Config", classes=self.classes, channels=self.channels)
        if not 0 < self.width < 100:
            raise ValueError(
                f"MobileNetV2Config: width multiplies the channels and must be positive, "
                f"got {self.width!r}; published are 0.35, 0.5, 0.75, 1.0 and 1.4"
            )
        for stage in self.stages:
            if len(stage) != 4 or any(type(n) is not int or n < 1 for n in stage):
                raise ValueError(
                    "MobileNetV2Config: a stage is (expansion, channels, blocks, "
                    f"stride), four positive integers, got {stage!r}"
                )

    def to_dict(self):
        """As a plain dict, for checkpoint headers."""
        return asdict(self)


def mobilenet_v2(rng=None, dtype=None, **changes):
    """MobileNetV2 for ImageNet, 3,504,872 parameters. changes: of MobileNetV2Config."""
    return MobileNetV2(replace(MobileNetV2Config(), **changes), rng, dtype)


def eighths(channels):
    """The nearest multiple of 8, at least 8 and not under 90 % of `channels`."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def conv_bn(
    inputs, outputs, size=1, stride=1, groups=1, act=True, rng=None, dtype=None
):
    """[convolution, bn] and relu6 if act, in a list. The image keeps its size at
    stride 1."""
    layer = nn.Conv2d(
        inputs, outputs, size, stride, size // 2, groups, False, rng, dtype
    )
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", rng=rng)
    layers = [layer, nn.BatchNorm2d(outputs, dtype=dtype)]
    return [*layers, nn.ReLU6()] if act else layers


class InvertedResidual(nn.Module):
    """P(D(E(x))), plus x where stride is 1 and the channels stay. x (N, C, H, W).

    t: how many times wider the inside is; there is no E for t = 1.
    """

    def __init__(self, inputs, outputs, stride, t, rng=None, dtype=None):
        rng, inside = nn.init.generator(rng), inputs * t
        own = {"rng": rng, "dtype": dtype}
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential()
        if t != 1:
            self.conv.append(nn.Sequential(*conv_bn(inputs, inside, **own)))
        depthwise = conv_bn(inside, inside, 3, stride, groups=inside, **own)
        self.conv.append(nn.Sequential(*depthwise))
        self.conv.extend(conv_bn(inside, outputs, act=False, **own))

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """config: a MobileNetV2Config, or a model whose shape to take.

    Images (N, channels, H, W) of any size to logits (N, classes); the features are
    1/32 of the image, rounded up. torchvision's weights want data.normalised(x)."""

    def __init__(self, config=None, rng=None, dtype=None):
        config = config or MobileNetV2Config()
        self.config = config = getattr(config, "config", config)
        own = {"rng": nn.init.generator(rng), "dtype": dtype}
        width = eighths(32 * config.width)
        stem = conv_bn(config.channels, width, 3, 2, **own)
        self.features = nn.Sequential(nn.Sequential(*stem))
        for t, channels, blocks, stride in config.stages:
            outputs = eighths(channels * config.width)
            for i in range(blocks):
                first = stride if i == 0 else 1
                self.features.append(InvertedResidual(width, outputs, first, t, **own))
                width = outputs
        last = eighths(1280 * max(1.0, config.width))
        self.features.append(nn.Sequential(*conv_bn(width, last, **own)))
        head = nn.Linear(last, config.classes, **own)
        nn.init.normal_(head.weight, 0.0, 0.01, own["rng"])
        nn.init.zeros_(head.bias)
        self.classifier = nn.Sequential(nn.Dropout(config.dropout, own["rng"]), head)

    def forward(self, x):
        return self.classifier(self.pooled(x))

    def pooled(self, x):
        """The features' mean over the image (N, width), which the classifier reads."""
        return self.features(x).mean(axis=(2, 3))

    def extra_repr(self):
        return f"classes={self.config.classes}, width={self.config.width:g}"
