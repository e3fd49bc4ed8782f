"""Batch normalisation on a card: a few launches where batchnorm.py takes sixty.

Training: moments of the columns in parts, their union with the running statistics, the
affine map; backward: sums in parts, their union, gx.
"""

from tinyft import backend
from tinyft.kernels import fit, functions
from tinyft.ops.blocked.channels import as_rows, from_rows
from tinyft.ops.neural import batchnorm


class BatchNorm(batchnorm.BatchNorm):
    @staticmethod
    def fits(x, weight, bias, running, **options):
        return fit(x, weight, bias, *running)

    @staticmethod
    def forward(ctx, x, weight, bias, running, training, momentum, eps):
        rows, moving = as_rows(x), running if training else ()
        ctx.batch = training or not running
        if ctx.batch:
            found = functions.batch_statistics(rows, moving, momentum, eps)
            ctx.mean, ctx.scale = found
        else:
            ctx.mean, var = (r.copy() for r in running)
            ctx.scale = 1 / backend.xp_of(x).sqrt(var + eps)
        ctx.save(x if batchnorm.needs_sums(ctx) else None, weight)
        y = functions.normalise_columns(rows, ctx.mean, ctx.scale, weight, bias)
        return from_rows(y, x.shape)

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        G, gx, gw, gb = as_rows(gy), None, None, None
        G = G.astype(ctx.scale.dtype, copy=False)
        X = G if x is None else as_rows(x)
        if x is not None or True in ctx.needs[1:]:
            gb, gw = functions.column_sums(G, X, ctx.mean, ctx.scale)
        if ctx.needs[0] and ctx.batch:
            known = ctx.mean, ctx.scale, weight, gb, gw
            gx = functions.batch_norm_gradient(G, X, *known)
        elif ctx.needs[0]:
            gx = functions.normalise_columns(G, None, ctx.scale, weight)
        gx = None if gx is None else from_rows(gx, gy.shape)
        wanted = zip((gx, gw, gb), (*ctx.needs, False, False))
        return tuple(g if need else None for g, need in wanted)
