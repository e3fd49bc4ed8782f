"""SiLU and softmax on a card: one launch forward, one backward.

Under `create_graph=True` (ctx.graph) backward is the formula's, which records itself.
"""

from tinyft.kernels import fit, functions
from tinyft.ops.neural import activation


class SiLU(activation.SiLU):
    kernels = functions
    fits = staticmethod(lambda x: fit(x))

    @staticmethod
    def forward(ctx, x):
        ctx.save(x)
        return ctx.function.kernels.silu(x)

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return activation.SiLU.backward(ctx, gy)
        return ctx.function.kernels.silu_gradient(*ctx.saved, gy)


class Softmax(activation.Softmax):
    kernels = functions
    fits = staticmethod(lambda x, axis: axis == x.ndim - 1 and fit(x))

    @staticmethod
    def forward(ctx, x, axis):
        ctx.axis = axis
        y = ctx.function.kernels.softmax(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return activation.Softmax.backward(ctx, gy)
        return ctx.function.kernels.softmax_gradient(*ctx.saved, gy)
