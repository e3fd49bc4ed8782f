"""The gradient of clip with numbers for bounds (ReLU6) on the processor, in one walk."""

from tinyft.kernels.compiled import activation, fit
from tinyft.ops.array import choose


class Clip(choose.Clip):
    @staticmethod
    def fits(x, low, high):
        return fit(x) and not (hasattr(low, "dtype") or hasattr(high, "dtype"))

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return choose.Clip.backward(ctx, gy)
        x, low, high = ctx.saved
        return activation.clip_gradient(x, gy, low, high), None, None
