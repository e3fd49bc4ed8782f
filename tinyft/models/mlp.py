"""A multi-layer perceptron: the smallest model that every chapter can use."""

from itertools import pairwise

from tinyft import nn


def mlp(*sizes, rng=None, dtype=None):
    """Linear layers of these sizes with ReLU between: mlp(64, 16, 10)."""
    if len(sizes) < 2:
        raise ValueError(
            f"mlp: give at least the input and the output size, got {sizes}"
        )
    rng, layers = nn.init.generator(rng), []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.ReLU()] if i else []
        layers.append(nn.Linear(inputs, outputs, rng=rng, dtype=dtype))
    return nn.Sequential(*layers)
