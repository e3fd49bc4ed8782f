"""What a ResNet costs and how far it sees, from its configuration alone.

    convolution      C_in C_out k² weights, 2 C_in C_out k² Ho Wo FLOPs an image
    batch norm       2 C parameters, γ and β (its 2 C running statistics are buffers)
    classifier       (C + 1) K parameters, 2 C K FLOPs
    size             Ho = (H + 2p − k) // s + 1,  p = k // 2
    receptive field  r = 1 + Σ_l (k_l − 1) d_l Π_{i<l} s_i

A FLOP is a product or a sum: 2 for each multiply-add; norms, activations and pooling
are left out, as in the published tables, which often print multiply-adds as "FLOPs".
Sources: He et al. 2016, table 1; Araujo, Norris and Sim 2019 (receptive fields).
"""

from itertools import accumulate
from math import prod
from operator import mul
from typing import NamedTuple

from tinyft.models.resnet import BasicBlock, Bottleneck


class Layer(NamedTuple):
    """A convolution with its norm, the pooling of the stem, or the classifier.

    kind is "conv", "shortcut", "pool" or "linear"; size is the side of its output.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    taps: int
    stride: int
    size: int

    @property
    def weights(self):
        """Entries of the weight alone."""
        return 0 if self.kind == "pool" else self.inputs * self.outputs * self.taps**2

    @property
    def parameters(self):
        """The weight, with γ and β of the norm, or the classifier's bias."""
        return self.weights + {"pool": 0, "linear": 1}.get(self.kind, 2) * self.outputs

    @property
    def flops(self):
        """2 for each multiply-add of one image."""
        return 2 * self.weights * self.size**2


def resnet_layers(config, size):
    """Every Layer of a ResNet of this ResNetConfig, for square images, in order.

    sum(l.parameters for l in layers) is the model's count, sum(l.flops) its work.
    """
    imagenet, width = config.stem == "imagenet", config.widths[0]
    layers = [_layer("conv1", config.channels, width, *(7, 2) if imagenet else (3, 1))]
    if imagenet:
        layers.append(_layer("maxpool", width, width, 3, 2, "pool"))
    bottleneck = config.block == "bottleneck"
    expansion = (Bottleneck if bottleneck else BasicBlock).expansion
    for i, (depth, inner) in enumerate(zip(config.depths, config.widths)):
        for j in range(depth):
            stride, outputs = 2 if i and not j else 1, inner * expansion
            block = _bottleneck if bottleneck else _basic
            parts = block(width, inner, stride)
            if stride != 1 or width != outputs:
                parts.append(
                    _layer("downsample", width, outputs, 1, stride, "shortcut")
                )
            layers += [a._replace(name=f"layer{i + 1}.{j}.{a.name}") for a in parts]
            width = outputs
    return [
        *_sized(layers, size),
        Layer("fc", "linear", width, config.classes, 1, 1, 1),
    ]


def _basic(width, inner, stride):
    return [
        _layer("conv1", width, inner, 3, stride),
        _layer("conv2", inner, inner, 3, 1),
    ]


def _bottleneck(width, inner, stride):
    return [
        _layer("conv1", width, inner, 1, 1),
        _layer("conv2", inner, inner, 3, stride),
        _layer("conv3", inner, inner * Bottleneck.expansion, 1, 1),
    ]


def _layer(name, inputs, outputs, taps, stride, kind="conv"):
    return Layer(name, kind, inputs, outputs, taps, stride, 0)


def _sized(layers, size):
    """The layers with their output sizes; a shortcut ends where its block does."""
    for layer in layers:
        if layer.kind != "shortcut":
            size = (size + 2 * (layer.taps // 2) - layer.taps) // layer.stride + 1
        yield layer._replace(size=size)


def receptive_fields(config):
    """{"layer1.0": (r, jump), ...}: what the output of each block sees of the image."""
    chain, found = [], {}
    for layer in resnet_layers(config, 1):
        if layer.kind in ("conv", "pool"):
            chain.append((layer.taps, layer.stride))
            block, _, _ = layer.name.rpartition(".")
            found[block] = receptive_field(*zip(*chain))
    found.pop("")  # the stem
    return found


def receptive_field(taps, strides, dilations=None):
    """(r, jump) of a chain of windows: r = 1 + Σ_l (k_l − 1) d_l Π_{i<l} s_i.

    r pixels of the input, in one direction, can change an output; neighbouring outputs
    see inputs that lie jump = Π s pixels apart. Raises ValueError if lengths differ.
    """
    dilations = [1] * len(taps) if dilations is None else dilations
    if not len(taps) == len(strides) == len(dilations):
        raise ValueError(
            f"receptive_field: {len(taps)} taps, {len(strides)} strides and "
            f"{len(dilations)} dilations; expected one of each for every layer"
        )
    jumps = accumulate(strides, mul, initial=1)  # Π_{i<l} s_i, and Π s at the end
    r = 1 + sum((k - 1) * d * j for k, d, j in zip(taps, dilations, jumps))
    return r, prod(strides)
