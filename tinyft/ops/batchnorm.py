"""Batch normalisation: each channel to mean 0 and variance 1, then a scale and a shift.

    xh = (x - m) / s,  s = sqrt(v + eps),  y = w xh + b                                (1)
    training:  m, v = mean and biased variance over the M = N H W entries of the channel
               gx = (w/s) (gy - mean(gy) - xh mean(gy xh))                             (2)
    else:      m, v = the running statistics, constants:  gx = (w/s) gy                (3)
    both:      gw = sum gy xh,  gb = sum gy

Running statistics move by r <- (1 - momentum) r + momentum (batch), with the unbiased
variance v M / (M - 1). Source: Ioffe and Szegedy 2015; the momentum is PyTorch's.

Fused: the mean, the variance around it (two passes: a mean of 1e4 costs no digits) and the
affine map, forward and backward, each in blocks of rows that stay in the cache, on wide
rows (channels.py). Kept for backward: x itself and two numbers a channel; xh is made
again, in cache. MEASURED
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocks import slices
from tinyft.ops.channels import as_rows, column_sums, fold, from_rows


class BatchNorm(Function):
    second_order = False

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, running=(None, None), training=False,
                momentum=0.1, eps=1e-5):  # fmt: skip
        rows = as_rows(backend.as_float(x))
        ctx.batch = training or running[0] is None
        if ctx.batch:
            mean, var = statistics(rows)
            if training and running[0] is not None:
                update(running, mean, var, len(rows), momentum)
        else:
            mean, var = (r.astype(rows.dtype, copy=False) for r in running)
        ctx.mean, ctx.scale = mean, 1 / backend.xp_of(x).sqrt(var + eps)  # m and 1/s
        ctx.save(x if ctx.batch or _needs(ctx)[1] else None, weight)
        y = _affine(rows, ctx.mean, _times(ctx.scale, weight), bias)
        return from_rows(y, x.shape)

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        need_x, need_w, need_b = _needs(ctx)
        G, X = as_rows(gy), None if x is None else as_rows(backend.as_float(x))
        sums = need_w or need_b or ctx.batch
        gb, gw = _gradient_sums(G, X, ctx.mean) if sums else (None, None)
        gx, factor = None, _times(ctx.scale, weight)
        if need_x and ctx.batch:
            M = max(1, len(G))
            slope = gw * ctx.scale * ctx.scale / M
            gx = _centred(G, X, ctx.mean, slope, gb / M, factor)
        elif need_x:
            gx = _affine(G, None, factor, None)
        gx = None if gx is None else from_rows(gx, gy.shape)
        return gx, gw * ctx.scale if need_w else None, gb if need_b else None
