"""SiLU, softmax and the gradient of ReLU on the processor, one walk each."""

from tinyft.kernels.compiled import activation as kernels
from tinyft.kernels.compiled import fit, rows
from tinyft.ops.cuda import activation
from tinyft.ops.neural import activation as formulas


class SiLU(activation.SiLU):
    kernels = kernels
    fits = staticmethod(lambda x: fit(x))


class Softmax(activation.Softmax):
    kernels = rows
    fits = staticmethod(lambda x, axis: axis == x.ndim - 1 and fit(x))


class ReLU(formulas.ReLU):
    fits = staticmethod(lambda x, **options: fit(x))

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return formulas.ReLU.backward(ctx, gy)
        return kernels.relu_gradient(*ctx.saved, gy, ctx.top)
