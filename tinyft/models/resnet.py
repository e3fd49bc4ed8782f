"""Residual networks for CIFAR- and ImageNet-sized images (He et al. 2016).

    y = relu(F(x) + shortcut(x)),   F = conv-bn-relu-conv-bn       basic block
                                    F = 1×1, 3×3, 1×1 (4 × wider)   bottleneck

Names as in torchvision: conv1, bn1, layer1 ... layer4, fc, downsample. The CIFAR shape
has three stages of n blocks, 6n + 2 layers; ImageNet's has four, after a 7×7
convolution.
"""

from dataclasses import asdict, dataclass, replace

from tinyft import nn, ops
from tinyft.nn.shape import choice


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes of a ResNet."""

    depths: tuple = (3, 3, 3)
    widths: tuple = (16, 32, 64)
    classes: int = 10
    channels: int = 3  # of the image
    stem: str = "cifar"  # "cifar": 3×3 stride 1; "imagenet": 7×7 stride 2 and max-pool
    block: str = "basic"  # or "bottleneck", four times wider at its end

    def __post_init__(self):
        choice("ResNetConfig", ("cifar", "imagenet"), stem=self.stem)
        choice("ResNetConfig", ("basic", "bottleneck"), block=self.block)
        if len(self.depths) != len(self.widths):
            raise ValueError(
                f"ResNetConfig: depths={self.depths} and widths={self.widths} must "
                "have one entry for each stage"
            )

    def to_dict(self):
        """As a plain dict, for checkpoint headers."""
        return asdict(self)


_IMAGENET = ResNetConfig((2, 2, 2, 2), (64, 128, 256, 512), 1000, 3, "imagenet")


def resnet20(rng=None, dtype=None, **changes):
    """CIFAR ResNet-20, 1×1 convolutions as shortcuts where the shape changes."""
    return ResNet(replace(ResNetConfig(), **changes), rng, dtype)


def resnet32(rng=None, dtype=None, **changes):
    """CIFAR ResNet-32."""
    return resnet20(rng, dtype, **{"depths": (5, 5, 5), **changes})


def resnet56(rng=None, dtype=None, **changes):
    """CIFAR ResNet-56."""
    return resnet20(rng, dtype, **{"depths": (9, 9, 9), **changes})


def resnet18(rng=None, dtype=None, **changes):
    """ImageNet ResNet-18, 11,689,512 parameters."""
    return ResNet(replace(_IMAGENET, **changes), rng, dtype)


def resnet34(rng=None, dtype=None, **changes):
    """ImageNet ResNet-34, 21,797,672 parameters."""
    return resnet18(rng, dtype, **{"depths": (3, 4, 6, 3), **changes})


def resnet50(rng=None, dtype=None, **changes):
    """ImageNet ResNet-50, 25,557,032 parameters."""
    return resnet34(rng, dtype, **{"block": "bottleneck", **changes})


def resnet_tiny(rng=None, dtype=None, **changes):
    """Three stages of one block: for 8×8 digits."""
    return resnet20(rng, dtype, **{"depths": (1, 1, 1), "channels": 1, **changes})


def conv(inputs, outputs, size, stride, rng, dtype):
    """A convolution without bias that keeps the image's size at stride 1."""
    layer = nn.Conv2d(
        inputs, outputs, size, stride, size // 2, bias=False, rng=rng, dtype=dtype
    )
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", rng=rng)
    return layer


class BasicBlock(nn.Module):
    """relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)). x (N, C, H, W)."""

    expansion = 1
    norms_of = (("conv1", "bn1"), ("conv2", "bn2"))  # for nn.fold_batchnorm

    def __init__(self, inputs, width, stride, rng=None, dtype=None):
        rng = nn.init.seeded(rng)
        self.conv1 = conv(inputs, width, 3, stride, rng, dtype)
        self.bn1 = nn.BatchNorm2d(width, dtype=dtype)
        self.conv2 = conv(width, width, 3, 1, rng, dtype)
        self.bn2 = nn.BatchNorm2d(width, dtype=dtype)
        self.downsample = shortcut(inputs, width, stride, rng, dtype)

    def forward(self, x):
        y = ops.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return ops.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1×1 down, 3×3 (with the stride), 1×1 up to four times the width."""

    expansion = 4
    norms_of = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, inputs, width, stride, rng=None, dtype=None):
        outputs, rng = width * self.expansion, nn.init.seeded(rng)
        self.conv1 = conv(inputs, width, 1, 1, rng, dtype)
        self.bn1 = nn.BatchNorm2d(width, dtype=dtype)
        self.conv2 = conv(width, width, 3, stride, rng, dtype)
        self.bn2 = nn.BatchNorm2d(width, dtype=dtype)
        self.conv3 = conv(width, outputs, 1, 1, rng, dtype)
        self.bn3 = nn.BatchNorm2d(outputs, dtype=dtype)
        self.downsample = shortcut(inputs, outputs, stride, rng, dtype)

    def forward(self, x):
        y = ops.relu(self.bn1(self.conv1(x)))
        y = ops.relu(self.bn2(self.conv2(y)))
        return ops.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def shortcut(inputs, outputs, stride, rng, dtype):
    """x itself, or a 1×1 convolution and norm where the shape changes."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(
        conv(inputs, outputs, 1, stride, rng, dtype),
        nn.BatchNorm2d(outputs, dtype=dtype),
    )


class ResNet(nn.Module):
    """config: a ResNetConfig, or a model whose shape to take.

    Images (N, channels, H, W) to logits (N, classes)."""

    norms_of = (("conv1", "bn1"),)

    def __init__(self, config, rng=None, dtype=None):
        self.config = config = getattr(config, "config", config)
        rng = nn.init.generator(rng)
        width, imagenet = config.widths[0], config.stem == "imagenet"
        size, stride = (7, 2) if imagenet else (3, 1)
        self.conv1 = conv(config.channels, width, size, stride, rng, dtype)
        self.bn1 = nn.BatchNorm2d(width, dtype=dtype)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        kind = {"basic": BasicBlock, "bottleneck": Bottleneck}[config.block]
        for i, (depth, outputs) in enumerate(zip(config.depths, config.widths)):
            stage = nn.Sequential()
            for j in range(depth):
                stage.append(kind(width, outputs, 2 if i and not j else 1, rng, dtype))
                width = outputs * kind.expansion
            setattr(self, f"layer{i + 1}", stage)
        self.fc = nn.Linear(width, config.classes, rng=rng, dtype=dtype)

    def forward(self, x):
        return self.fc(self.features(x))

    def features(self, x):
        """The pooled features (N, width) that `fc` reads."""
        x = self.maxpool(ops.relu(self.bn1(self.conv1(x))))
        for i in range(len(self.config.depths)):
            x = getattr(self, f"layer{i + 1}")(x)
        return x.mean(axis=(2, 3))

    def extra_repr(self):
        return f"depths={self.config.depths}, widths={self.config.widths}"
