"""Group norm: the layer norm of each group of channels (equations in norm.py).

    xh = (x - mean) / sqrt(var + eps) over a group of C / groups channels and all pixels
    y = w xh + b with one weight and one bias per channel

In blocks of samples that stay in the cache; backward makes the two means of a group
from sums per channel, which are also what gw and gb need. Source: Wu and He 2018.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.blocks import slices
from tinyft.ops.neural.norm import check_parameters, in_dtypes, standardise
from tinyft.ops.operands import wrapped


class GroupNorm(Function):
    second_order = False
    instead = "ops.composed.group_norm(x, groups, weight, bias, eps)"
    carried = "x"

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, groups=1, eps=1e-5):
        xp, (N, C), X = backend.xp_of(x), x.shape[:2], backend.as_float(x)
        X = X.reshape(N * groups, math.prod(x.shape[1:]) // groups)
        Y, XH = xp.empty((N, C, math.prod(x.shape[2:])), X.dtype), None
        XH = xp.empty_like(Y) if True in ctx.needs else Y
        scale = xp.empty((N * groups, 1), X.dtype)
        for n in slices(N, X.shape[1] * groups, X):
            rows = slice(n.start * groups, n.stop * groups)
            xh, y = XH[n], Y[n]
            scale[rows] = standardise(X[rows], xh.reshape(-1, X.shape[1]), eps, True)
            xp.multiply(xh, 1 if weight is None else weight[:, None], out=y)
            if bias is not None:
                y += bias[:, None]
        ctx.save(weight)
        ctx.xh, ctx.scale, ctx.groups = XH, scale, groups
        ctx.dtypes = [a is not None and a.dtype for a in (x, weight, bias)]
        return Y.reshape(x.shape)

    @staticmethod
    def backward(ctx, gy):
        (weight,), (N, C, P) = ctx.saved, ctx.xh.shape
        xp, G, groups = backend.xp_of(gy), gy.reshape(ctx.xh.shape), ctx.groups
        GX = xp.empty(G.shape, ctx.xh.dtype) if ctx.needs[0] else None
        sums = xp.empty((2, N, C), ctx.xh.dtype)  # of g and of g xh, each channel
        w = xp.ones((C, 1), ctx.xh.dtype) if weight is None else weight[:, None]
        for n in slices(N, C * P, G):
            g, xh = G[n], ctx.xh[n]
            sums[0, n] = g @ xp.ones(P, g.dtype)
            sums[1, n] = xp.einsum("nci,nci->nc", g, xh)
            if GX is not None:
                means = _group_means(sums[:, n] * w[:, 0], groups, C * P // groups)
                gx = xp.multiply(xh, means[1], out=GX[n])
                xp.subtract(g * w, gx, out=gx)
                gx -= means[0]
                gx *= _per_channel(ctx.scale.reshape(N, groups)[n], C)
        gb, gw = sums.sum(axis=1)
        GX = None if GX is None else GX.reshape(gy.shape)
        gw, gb = gw if ctx.needs[1] else None, gb if ctx.needs[2] else None
        return in_dtypes(ctx, GX, gw, gb)


def _group_means(sums, groups, n):
    """Sums per channel (2, N, C) -> means over groups of n entries (2, N, C, 1)."""
    _, N, C = sums.shape
    means = sums.reshape(2, N, groups, C // groups).sum(axis=3) * (1 / max(1, n))
    return means.repeat(C // groups, axis=2)[..., None]


def _per_channel(x, C):
    """(N, groups) -> (N, C, 1)."""
    return x.repeat(C // x.shape[1], axis=1)[..., None]


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    """y = w xh + b with xh normalised over each group of channels. Returns a Tensor.

    x (N, C, ...), C divisible by `groups`; weight (C) and bias (C) or None. Raises
    ValueError when groups or a shape do not fit.
    """
    x, weight, bias = wrapped(x, weight, bias)
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(
            f"group_norm: x has shape {x.shape} and groups is {groups}; expected "
            "(N, C, ...) with C divisible by groups"
        )
    check_parameters("group_norm", x, 1, weight=weight, bias=bias)
    return GroupNorm.apply(x, weight, bias, groups=groups, eps=eps)
