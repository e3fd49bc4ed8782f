"""SiLU and softmax on a card: one launch forward, one backward.

Under `create_graph=True` (ctx.graph) backward is the formula's, which records itself.
"""

from tinyft.kernels import fit, functions
from tinyft.ops.neural import activation


class SiLU(activation.SiLU):
    fits = staticmethod(lambda x: fit(x))

    @staticmethod
    def forward(ctx, x):
        ctx.save(x)
        return functions.silu(x)

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return activation.SiLU.backward(ctx, gy)
        return functions.silu_gradient(*ctx.saved, gy)


class Softmax(activation.Softmax):
    fits = staticmethod(lambda x, axis: axis == x.ndim - 1 and fit(x))

    @staticmethod
    def forward(ctx, x, axis):
        ctx.axis = axis
        y = functions.softmax(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return activation.Softmax.backward(ctx, gy)
        return functions.softmax_gradient(*ctx.saved, gy)
