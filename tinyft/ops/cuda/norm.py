"""Layer norm and RMS norm on a card: one launch forward, two backward."""

from tinyft.kernels import fit, functions
from tinyft.ops.neural import norm
from tinyft.ops.neural.linear import rows_of


class LayerNorm(norm.LayerNorm):
    kernels = functions
    fits = staticmethod(lambda *arrays, eps: fit(*arrays))

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, eps=1e-5):
        return normalise_rows(ctx, x, weight, bias, eps, centred=True)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)


class RMSNorm(norm.RMSNorm):
    kernels = functions
    fits = staticmethod(lambda *arrays, eps: fit(*arrays))

    @staticmethod
    def forward(ctx, x, weight=None, eps=1e-6):
        return normalise_rows(ctx, x, weight, None, eps, centred=False)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)[:2]


def normalise_rows(ctx, x, weight, bias, eps, centred):
    X, keep = rows_of(x, x.shape[-1]), True in ctx.needs
    found = ctx.function.kernels.normalise_rows(X, weight, bias, eps, centred, keep)
    return norm.remember(ctx, x, weight, bias, centred, *found)


def row_gradients(ctx, gy):
    (weight,), XH, kernels = ctx.saved, ctx.xh, ctx.function.kernels
    need_x, need_w, need_b = (*ctx.needs, False)[:3]
    G, gx, gw, gb = rows_of(gy, XH.shape[1]), None, None, None
    if need_x:
        known = XH, weight, ctx.scale, ctx.centred
        gx = kernels.normalise_rows_gradient(G, *known).reshape(gy.shape)
    if need_w or need_b:
        gb, gw = kernels.column_sums(G, XH)
    return gx, gw if need_w else None, gb if need_b else None
