"""Normalisation of one sample's features: layer, root-mean-square and group norm.

    xh = (x - mean(x)) / s,  s = sqrt(var(x) + eps),  y = w xh + b                    (1)
    gx = (h - mean(h) - xh mean(h xh)) / s  with h = w gy                            (2)
    gw = sum of gy xh,  gb = sum of gy  over everything that shares the entry         (3)

var is the biased one; RMS norm drops both means of (1) and mean(h) of (2), and
(2) is exact for every eps. Sources: Ba, Kiros and Hinton 2016; Zhang and Sennrich 2019;
Wu and He 2018.

Fuses mean, variance, scale and shift, forward and backward, in blocks of rows that stay in
the cache; row means are matrix-vector products and no pass allocates. Kept for backward:
x itself and two numbers a row; xh is made again, in cache. FASTER
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocks import slices
from tinyft.ops.linear import cast, rows_of


class LayerNorm(Function):
    second_order = False

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, eps=1e-5):
        return normalise_rows(ctx, x, weight, bias, eps, centred=True)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)


class RMSNorm(Function):
    second_order = False

    @staticmethod
    def forward(ctx, x, weight=None, eps=1e-6):
        return normalise_rows(ctx, x, weight, None, eps, centred=False)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)[:2]


def normalise_rows(ctx, x, weight, bias, eps, centred):
    """(1) over the last axis; keeps x, the weight, and mean and 1/s of each row."""
    ctx.save(x, weight)
    xp, d = backend.xp_of(x), x.shape[-1]
    X = rows_of(backend.as_float(x), d)
    Y = xp.empty(X.shape, X.dtype)
    ctx.scale = xp.empty((len(X), 1), X.dtype)  # 1/s
    ctx.mean = xp.empty_like(ctx.scale) if centred else None
    ones_d = xp.full(d, 1 / max(d, 1), X.dtype)  # row mean = row @ ones_d
    for rows in slices(*X.shape, X):
        xh, h = X[rows], Y[rows]
        if centred:
            mean = ctx.mean[rows] = (xh @ ones_d)[:, None]
            xh = xp.subtract(xh, mean, out=h)
        s = xp.einsum("ij,ij->i", xh, xh)
        s *= 1 / max(d, 1)
        s += eps
        scale = ctx.scale[rows] = (1 / xp.sqrt(s))[:, None]
        xp.multiply(xh, scale, out=h)
        if weight is not None:
            h *= weight
        if bias is not None:
            h += bias
    return Y.reshape(x.shape)


def row_gradients(ctx, gy):
    """(2) and (3), block by block; what is not needed is not computed."""
    x, weight = ctx.saved
    xp, d = backend.xp_of(gy), gy.shape[-1]
    G, X = rows_of(gy, d), rows_of(backend.as_float(x), d)
    need_x, need_w, need_b = (*ctx.needs, False, False)[:3]
    GX = xp.empty(X.shape, X.dtype) if need_x else None
    gw, gb = (xp.zeros(d, X.dtype) if need else None for need in (need_w, need_b))
    w_d = xp.full(d, 1 / max(d, 1), X.dtype)  # mean(w g) over a row = g @ w_d
    w_d = w_d if weight is None else w_d * weight
    for rows in slices(*X.shape, X):
        g = G[rows]
        xh = X[rows] * ctx.scale[rows] if ctx.mean is None else X[rows] - ctx.mean[rows]
        if ctx.mean is not None:
            xh *= ctx.scale[rows]
        t = xp.multiply(g, xh, out=GX[rows]) if need_x else g * xh
        if need_w or need_b:
            ones = xp.ones(len(g), g.dtype)
        if need_w:
            gw += ones @ t
        if need_b:
            gb += ones @ g
        if need_x:
            _row_gradient(ctx, rows, g, xh, t, weight, w_d)
    GX = GX.reshape(gy.shape) if need_x else None
    return cast(GX, x.dtype), cast(gw, gw if gw is None else weight.dtype), gb


def _row_gradient(ctx, rows, g, xh, t, weight, w_d):
    """(2) for one block: t holds g xh and becomes the gradient; xh is used up."""
    xh *= (t @ w_d)[:, None]
    xp = backend.xp_of(g)
    if weight is None:
        xp.subtract(g, xh, out=t)
    else:
        xp.multiply(g, weight, out=t)
        t -= xh
    if ctx.mean is not None:
        t -= (g @ w_d)[:, None]
    t *= ctx.scale[rows]


class GroupNorm(Function):
    second_order = False

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, groups=1, eps=1e-5):
        ctx.save(x, weight)
        xp, N, C = backend.xp_of(x), *x.shape[:2]
        xh = backend.as_float(x).reshape(N, groups, -1)
        ctx.groups, n = groups, max(1, xh.shape[2])
        ctx.mean = xh.mean(axis=2, keepdims=True)
        xh = xh - ctx.mean
        var = xp.einsum("ngi,ngi->ng", xh, xh)[:, :, None] * (1 / n)
        ctx.scale = 1 / xp.sqrt(var + eps)
        xh *= ctx.scale
        y = xh.reshape(N, C, -1)
        if weight is not None:
            y *= weight[:, None]
        if bias is not None:
            y += bias[:, None]
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        xp, N, C = backend.xp_of(gy), *gy.shape[:2]
        xh = backend.as_float(x).reshape(N, ctx.groups, -1) - ctx.mean
        xh *= ctx.scale
        n, g = max(1, xh.shape[2]), gy.reshape(N, C, -1)
        sum_g = g.sum(axis=2)  # (N, C)
        sum_gx = xp.einsum("nci,nci->nc", g, xh.reshape(g.shape))
        gw, gb = sum_gx.sum(axis=0), sum_g.sum(axis=0)
        gx = None
        if ctx.needs[0]:
            w = 1.0 if weight is None else weight
            m1, m2 = (_group_mean(s * w, ctx.groups, n) for s in (sum_g, sum_gx))
            h = g.copy() if weight is None else g * weight[:, None]
            gx = h.reshape(xh.shape)
            gx -= m1
            xh *= m2
            gx -= xh
            gx *= ctx.scale
            gx = gx.reshape(x.shape)
        return gx, gw if ctx.needs[1] else None, gb if ctx.needs[2] else None


def _group_mean(s, groups, n):
    """Sum per-channel sums (N, C) over each group, divided by its n entries."""
    return s.reshape(len(s), groups, -1).sum(axis=2, keepdims=True) * (1 / n)


def layer_norm(x, weight=None, bias=None, eps=1e-5):
    """y = w (x - mean) / sqrt(var + eps) + b over the last axis. Returns a Tensor.

    x (..., d), weight (d) and bias (d) or None; var is biased, as in PyTorch. Raises
    ValueError when a shape does not fit.
    """
    _check("layer_norm", x, -1, weight=weight, bias=bias)
    return LayerNorm.apply(x, weight, bias, eps=eps)


def rms_norm(x, weight=None, eps=1e-6):
    """y = w x / sqrt(mean(x²) + eps) over the last axis. Returns a Tensor.

    x (..., d), weight (d) or None. Raises ValueError when a shape does not fit.
    """
    _check("rms_norm", x, -1, weight=weight)
    return RMSNorm.apply(x, weight, eps=eps)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    """y = w xh + b with xh normalised over each group of channels. Returns a Tensor.

    x (N, C, ...), C divisible by `groups`; weight (C) and bias (C) or None. Raises
    ValueError when groups or a shape do not fit.
    """
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(
            f"group_norm: x has shape {x.shape} and groups is {groups}; expected "
            "(N, C, ...) with C divisible by groups"
        )
    _check("group_norm", x, 1, weight=weight, bias=bias)
    return GroupNorm.apply(x, weight, bias, groups=groups, eps=eps)


def _check(what, x, axis, **parameters):
    if x.ndim == 0:
        raise ValueError(f"{what}: x is 0-d, expected an axis to normalise over")
    for name, w in parameters.items():
        if w is not None and w.shape != (x.shape[axis],):
            raise ValueError(
                f"{what}: {name} has shape {w.shape}, x {x.shape}; expected one entry "
                f"for each of the {x.shape[axis]} entries of axis {axis} of x"
            )
