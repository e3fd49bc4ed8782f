"""Linear: y = x Wᵀ + b, and Identity."""

import math

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Module
from tinyft.nn.shape import positive, zeros


class Linear(Module):
    """y = x Wᵀ + b. x (..., in), weight (out, in), bias (out,) or None.

    Initialised as PyTorch's: U(±1/sqrt(in)) for both.
    """

    def __init__(self, in_features, out_features, bias=True, rng=None, dtype=None):
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = zeros((out_features, in_features), dtype)
        self.register_parameter("bias", zeros((out_features,), dtype) if bias else None)
        rng = init.generator(rng)
        init.kaiming_uniform_(self.weight, math.sqrt(5), rng)
        if bias:
            bound = 1 / math.sqrt(in_features)
            init.uniform_(self.bias, -bound, bound, rng)

    def forward(self, x):
        return ops.linear(x, self.weight, self.bias)


class Identity(Module):
    """y = x."""

    def forward(self, x):
        return x
