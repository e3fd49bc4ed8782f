"""A multi-layer perceptron: the smallest model that every chapter can use."""

from tinyft import nn


def mlp(*sizes, rng=None, dtype=None):
    """Linear layers of these sizes with ReLU between: mlp(64, 16, 10)."""
    rng, layers = nn.init.generator(rng), []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.ReLU()] if i else []
        layers.append(nn.Linear(inputs, outputs, rng=rng, dtype=dtype))
    return nn.Sequential(*layers)
