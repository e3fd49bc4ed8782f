"""Depthwise convolution on the processor: the same three operations, other arithmetic."""

from tinyft.kernels.compiled import depthwise, fit
from tinyft.ops.neural import conv


class Conv2d(conv.Conv2d):
    @staticmethod
    def fits(x, w, b=None, plan=None):
        return conv.is_depthwise(plan) and fit(x, w, b)

    @staticmethod
    def forward(ctx, x, w, b=None, plan=None):
        plan = plan._replace(arithmetic=depthwise)
        return conv.Conv2d.forward(ctx, x, w, b, plan)
