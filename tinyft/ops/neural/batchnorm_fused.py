"""Batch normalisation on a card: a few launches where batchnorm.py takes sixty.

The formulas are those of batchnorm.py, which is the specification; the kernels stand in
tinyft/kernels.cu. Training: moments of the columns in parts, their union with the
running statistics, the affine map; backward: sums in parts, their union, gx.
"""

from tinyft import backend, kernels
from tinyft.autograd.function import Function
from tinyft.ops.blocked.channels import as_rows, from_rows


class BatchNorm(Function):
    second_order = False
    instead = "ops.composed.batch_norm(x, running_mean, running_var, ...)"
    carried = "x"

    @staticmethod
    def forward(ctx, x, weight, bias, running, training, momentum, eps):
        rows, moving = as_rows(x), running if training else ()
        ctx.batch = training or not running
        if ctx.batch:
            found = kernels.batch_statistics(rows, moving, momentum, eps)
            ctx.mean, ctx.scale = found
        else:
            ctx.mean, var = (r.copy() for r in running)
            ctx.scale = 1 / backend.xp_of(x).sqrt(var + eps)
        sums = True in ctx.needs[1:2] or (ctx.batch and ctx.needs[0])
        ctx.save(x if sums else None, weight)
        y = kernels.normalise_columns(rows, ctx.mean, ctx.scale, weight, bias)
        return from_rows(y, x.shape)

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        G, gx, gw, gb = as_rows(gy), None, None, None
        X = G if x is None else as_rows(x)
        if x is not None or True in ctx.needs[1:]:
            gb, gw = kernels.column_sums(G, X, ctx.mean, ctx.scale)
        if ctx.needs[0] and ctx.batch:
            known = ctx.mean, ctx.scale, weight, gb, gw
            gx = kernels.batch_norm_gradient(G, X, *known)
        elif ctx.needs[0]:
            gx = kernels.normalise_columns(G, None, ctx.scale, weight)
        gx = None if gx is None else from_rows(gx, gy.shape)
        wanted = zip((gx, gw, gb), (*ctx.needs, False, False))
        return tuple(g if need else None for g, need in wanted)
