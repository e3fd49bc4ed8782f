"""Activations and dropout as modules."""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Module


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x):
        return ops.relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6): MobileNet's activation."""

    def forward(self, x):
        return ops.relu6(x)


class GELU(Module):
    """x Φ(x), or its tanh form: approximate="tanh"."""

    def __init__(self, approximate="none"):
        self.approximate = approximate

    def forward(self, x):
        return ops.gelu(x, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x)."""

    def forward(self, x):
        return ops.silu(x)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x):
        return ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x):
        return ops.sigmoid(x)


class Softmax(Module):
    """exp(x) / Σ exp(x) along an axis."""

    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, x):
        return ops.softmax(x, self.axis)

    def extra_repr(self):
        return f"axis={self.axis}"


class Dropout(Module):
    """Zero each value with probability p while training; divide the others by 1 - p.

    The mask is drawn on the host from `rng` (default: tinyft.manual_seed's generator).
    """

    def __init__(self, p=0.5, rng=None):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be in [0, 1], got {p}")
        self.p, self.rng = p, init.seeded(rng)

    def forward(self, x):
        if not self.training or not self.p:
            return x
        return ops.dropout(x, self.p, init.generator(self.rng), True)

    def extra_repr(self):
        return f"p={self.p}"
