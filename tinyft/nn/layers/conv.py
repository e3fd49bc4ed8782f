"""Conv2d (cross-correlation, N×C×H×W) and the pooling layers."""

import math

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Module
from tinyft.nn.shape import pair, positive, zeros


class Conv2d(Module):
    """y[n,o,i,j] = b[o] + Σ_{c,u,v} W[o,c,u,v] x[n,c, s·i+u-p, s·j+v-p].

    x (N, in, H, W), weight (out, in/groups, kh, kw), bias (out,) or None.
    Initialised as PyTorch's: U(±1/sqrt(fan_in)) for both.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        groups=1,
        bias=True,
        rng=None,
        dtype=None,
    ):
        kh, kw = pair(kernel_size)
        positive("Conv2d", in_channels=in_channels, out_channels=out_channels)
        positive("Conv2d", groups=groups, kernel_height=kh, kernel_width=kw)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.groups = pair(kernel_size), groups
        self.stride, self.padding = pair(stride), pair(padding)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = zeros(shape, dtype)
        self.register_parameter("bias", zeros((out_channels,), dtype) if bias else None)
        rng = init.generator(rng)
        init.kaiming_uniform_(self.weight, math.sqrt(5), rng)
        if bias:
            bound = 1 / math.sqrt(init.fans(shape)[0])
            init.uniform_(self.bias, -bound, bound, rng)

    def forward(self, x):
        return ops.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.groups
        )

    def extra_repr(self):
        options = f"stride={short(self.stride)}, padding={short(self.padding)}"
        return options + (f", groups={self.groups}" if self.groups > 1 else "")


class MaxPool2d(Module):
    """The largest value of each window; see ops.max_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self):
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window; see ops.avg_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self):
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Means over a grid of `output_size` cells; see ops.adaptive_avg_pool2d."""

    def __init__(self, output_size):
        self.output_size = output_size

    def forward(self, x):
        return ops.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self):
        return f"{self.output_size}"


def short(pair):
    """A pair of equal numbers as one."""
    return pair[0] if pair[0] == pair[1] else pair
