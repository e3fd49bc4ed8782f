"""Batch normalisation: each channel to mean 0 and variance 1, then a scale and a shift.

    xh = (x - m) / s,  s = sqrt(v + eps),  y = w xh + b                            (1)
    training:  m, v = mean and biased variance of the channel's M = N H W entries
               gx = (w/s) (gy - mean(gy) - xh mean(gy xh))                         (2)
    else:      m, v = the running statistics, constants:  gx = (w/s) gy            (3)
    both:      gw = sum gy xh,  gb = sum gy

Running statistics move by r <- (1 - momentum) r + momentum (batch), with the unbiased
variance v M / (M - 1). Source: Ioffe and Szegedy 2015; the momentum is PyTorch's.

Fused: mean and variance in one stable pass, the affine map, gw and gx in one each, all
in blocks of wide rows that stay in the cache (channels.py); column sums are products
with ones. 1.5x to 2.5x faster than its composed form, forward and backward;
only x itself and two numbers per channel are kept for backward.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.blocks import slices
from tinyft.ops.blocked.channels import (
    as_rows,
    column_sums,
    from_rows,
    narrow,
    ones,
    spread,
    widen,
)
from tinyft.ops.operands import wrapped


class BatchNorm(Function):
    second_order = False
    fused = ("cuda", "compiled")
    instead = "ops.composed.batch_norm(x, running_mean, running_var, ...)"
    carried = "x"

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, running=(), training=False, **options):
        rows = as_rows(backend.as_float(x))
        ctx.batch = training or not running
        if ctx.batch:
            ctx.mean, var = ctx.function.statistics(rows)
            if training and running:
                move(*running, ctx.mean, var, len(rows), options["momentum"])
        else:
            ctx.mean, var = (r.astype(rows.dtype) for r in running)
        ctx.scale = 1 / backend.xp_of(x).sqrt(var + options["eps"])  # 1/s
        ctx.save(x if needs_sums(ctx) else None, weight)
        y = ctx.function.affine(rows, *_slope_and_shift(ctx, weight, bias))
        return from_rows(y, x.shape)

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        G, gx, gw, gb = as_rows(gy), None, None, None
        factor = ctx.scale if weight is None else ctx.scale * weight
        if needs_sums(ctx):
            X = as_rows(backend.as_float(x))
            gb, gw = ctx.function.sums(G, X, ctx.mean)
            gw = gw * ctx.scale
        elif True in ctx.needs[2:]:
            gb = column_sums(G)
        if ctx.needs[0] and ctx.batch:  # (2) as one map a gy + b x + c
            b = -factor * ctx.scale * gw / max(1, len(G))
            c = -factor * gb / max(1, len(G)) - b * ctx.mean
            gx = ctx.function.combine(G, X, factor, b, c)
        elif ctx.needs[0]:
            gx = ctx.function.affine(G, factor, None)  # (3)
        gx = None if gx is None else from_rows(gx, gy.shape)
        wanted = zip((gx, gw, gb), (*ctx.needs, False, False))
        return tuple(g if need else None for g, need in wanted)

    # passes over (M, C), in blocks of wide rows

    @staticmethod
    def statistics(rows):
        """Mean and biased variance of each column of (M, C), in one pass over memory.

        With t = x - a:  mean = a + mean(t),  var = mean(t²) - mean(t)².  a is the mean
        of the first block, a share f of all rows, so mean(t)² <= var (1 - f) / f:
        subtracting costs at most a factor 1/f of precision, whatever the mean (Chan,
        Golub and LeVeque 1983 on shifted data).
        """
        xp, (M, C) = backend.xp_of(rows), rows.shape
        (wide,) = widen(rows)
        blocks, s1, s2 = slices(*wide.shape, wide), 0, 0
        first = wide[blocks[0]]
        a = narrow(ones(first) @ first, C) / (first.size // C)
        center, t = spread(a, wide), xp.empty_like(first)
        for block in blocks:
            x = wide[block]
            d = xp.subtract(x, center, out=t[: len(x)])
            s1 += ones(d) @ d
            s2 += xp.einsum("ij,ij->j", d, d)
        m = narrow(s1, C) / M
        return a + m, xp.maximum(narrow(s2, C) / M - m * m, 0)

    @staticmethod
    def sums(G, X, mean):
        """(sum of G, sum of G (X - mean)) over the rows, for each column."""
        return column_sums(G), product_sums(G, X, mean)

    @staticmethod
    def affine(X, a, c):
        """a X + c (c may be None) with rows a, c."""
        xp, Y = backend.xp_of(X), backend.xp_of(X).empty_like(X)
        wide_x, wide_y = widen(X, Y)
        a, c = spread(a, wide_x), None if c is None else spread(c, wide_x)
        for block in slices(*wide_x.shape, wide_x):
            y = xp.multiply(wide_x[block], a, out=wide_y[block])
            if c is not None:
                y += c
        return Y

    @staticmethod
    def combine(G, X, a, b, c):
        """a G + b X + c with rows a, b, c."""
        xp, Y = backend.xp_of(G), backend.xp_of(G).empty_like(X)
        wide_g, wide_x, wide_y = widen(G, X, Y)
        a, b, c = (spread(row, wide_x) for row in (a, b, c))
        for block in slices(*wide_x.shape, wide_x):
            y = xp.multiply(wide_x[block], b, out=wide_y[block])
            y += wide_g[block] * a
            y += c
        return Y


def needs_sums(ctx):
    """True if backward must look at x: for gw, or for gx through the statistics."""
    return True in ctx.needs[1:2] or (ctx.batch and ctx.needs[0])


def _slope_and_shift(ctx, weight, bias):
    """(1) as y = slope x + shift; it rounds as x itself does, by half a last digit."""
    slope = ctx.scale if weight is None else ctx.scale * weight
    shift = -ctx.mean * slope
    return slope, shift if bias is None else shift + bias


def product_sums(G, X, mean):
    """sum over rows of G (X - mean), for each column."""
    xp, C = backend.xp_of(G), G.shape[1]
    wide_g, wide_x = widen(G, X)
    center, total = spread(mean, wide_x), xp.zeros(wide_x.shape[1], G.dtype)
    for block in slices(*wide_x.shape, wide_x):
        total += xp.einsum("ij,ij->j", wide_g[block], wide_x[block] - center)
    return narrow(total, C)


def move(mean, var, batch_mean, batch_var, count, momentum):
    """running <- (1 - momentum) running + momentum batch, in place; var unbiased."""
    mean *= 1 - momentum
    mean += momentum * batch_mean
    var *= 1 - momentum
    var += momentum * count / (count - 1) * batch_var


def batch_norm(
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Equation (1) for each channel (axis 1). Returns a Tensor of x's shape.

    x (N, C, ...); running_mean and running_var are arrays or Tensors (C), changed in
    place while training, or both None: then the batch's statistics always serve.
    weight and bias (C) or None. An empty batch leaves the statistics unchanged. Raises
    ValueError for shapes that do not fit, and in training for a single value per
    channel, whose variance says nothing.
    """
    x, weight, bias = wrapped(x, weight, bias)
    stats = [r for r in (running_mean, running_var) if r is not None]
    _check(x, stats, weight, bias)
    use_batch = training or not stats
    if use_batch and 0 < x.size == x.shape[1]:
        raise ValueError(
            f"batch_norm: x has shape {x.shape}, one value for each channel, and batch "
            "statistics need more; use a larger batch, or eval() for running statistics"
        )
    running = tuple(r._data if hasattr(r, "_data") else r for r in stats)
    if not x.size:  # no entry to normalise, no statistic to move
        one = backend.xp_of(x._data).ones(x.shape[1], x.dtype)
        running, training = running or (one, one), False
    options = {"training": training, "momentum": momentum, "eps": eps}
    if backend.devices_in_use():
        backend.check_same_device("batch_norm", (x._data, *running))
    return BatchNorm.apply(x, weight, bias, running=running, **options)


def _check(x, stats, weight, bias):
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x has shape {x.shape}; expected (N, C, ...)")
    if len(stats) == 1:
        raise ValueError(
            "batch_norm: running_mean and running_var come together, and one is None"
        )
    for a in (*stats, weight, bias):
        if a is not None and a.shape != (x.shape[1],):
            raise ValueError(
                f"batch_norm: x has shape {x.shape}, a statistic, weight or bias "
                f"{a.shape}; expected ({x.shape[1]},), one entry for each channel"
            )
