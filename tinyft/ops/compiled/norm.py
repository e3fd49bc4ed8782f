"""Layer norm and RMS norm on the processor: one walk forward, two backward."""

from tinyft.kernels.compiled import fit
from tinyft.kernels.compiled import norm as kernels
from tinyft.ops.cuda import norm
from tinyft.ops.neural import norm as formulas
from tinyft.ops.neural.linear import rows_of


class LayerNorm(norm.LayerNorm):
    kernels = kernels
    fits = staticmethod(lambda *arrays, eps: fit(*arrays))

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, eps=1e-5):
        return normalise_rows(ctx, x, weight, bias, eps, centred=True)


class RMSNorm(norm.RMSNorm):
    kernels = kernels
    fits = staticmethod(lambda *arrays, eps: fit(*arrays))

    @staticmethod
    def forward(ctx, x, weight=None, eps=1e-6):
        return normalise_rows(ctx, x, weight, None, eps, centred=False)


def normalise_rows(ctx, x, weight, bias, eps, centred):
    X, keep = rows_of(x, x.shape[-1]), True in ctx.needs
    *found, large = kernels.normalise_rows(X, weight, bias, eps, centred, keep)
    if large:  # squares that leave the range: the formula divides by powers of two
        return formulas.normalise_rows(ctx, x, weight, bias, eps, centred)
    return formulas.remember(ctx, x, weight, bias, centred, *found)
