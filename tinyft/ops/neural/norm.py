"""Normalisation of one sample's features: layer norm and root-mean-square norm.

    xh = (x - mean(x)) / s,  s = sqrt(var(x) + eps),  y = w xh + b                   (1)
    gx = (h - mean(h) - xh mean(h xh)) / s  with h = w gy                            (2)
    gw = sum of gy xh,  gb = sum of gy  over everything that shares the entry        (3)

var is the biased one; RMS norm drops both means of (1) and mean(h) of (2), and
(2) is exact for every eps. Group norm has its own file. Sources: Ba, Kiros and Hinton
2016; Zhang and Sennrich 2019.

Fuses mean, variance, scale and shift, forward and backward, in blocks of rows that stay
in the cache; row means are matrix-vector products. Kept for backward: xh instead of x, and
one number per row, where the composed forms (ops.composed) keep four arrays of the size
of x. On 0.25M to 0.8M entries 1.1x to 1.7x faster than they (layer norm), 1.2x to 3x
(RMS norm).
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.stats import power_of_two
from tinyft.ops.blocked.blocks import slices
from tinyft.ops.neural.linear import rows_of
from tinyft.ops.operands import cast, wrapped


class LayerNorm(Function):
    second_order = False
    fused = ("cuda", "compiled")
    instead = "ops.composed.layer_norm(x, weight, bias, eps)"
    carried = "x"

    @staticmethod
    def forward(ctx, x, weight=None, bias=None, eps=1e-5):
        return normalise_rows(ctx, x, weight, bias, eps, centred=True)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)


class RMSNorm(Function):
    second_order = False
    fused = ("cuda", "compiled")
    instead = "ops.composed.rms_norm(x, weight, eps)"
    carried = "x"

    @staticmethod
    def forward(ctx, x, weight=None, eps=1e-6):
        return normalise_rows(ctx, x, weight, None, eps, centred=False)

    @staticmethod
    def backward(ctx, gy):
        return row_gradients(ctx, gy)[:2]


def normalise_rows(ctx, x, weight, bias, eps, centred):
    """(1) over the last axis; keeps xh, 1/s of each row and the weight."""
    xp, keep = backend.xp_of(x), True in ctx.needs
    X = rows_of(backend.as_float(x), x.shape[-1])
    found = _normalise_blocks(xp, X, weight, bias, eps, centred, keep)
    return remember(ctx, x, weight, bias, centred, *found)


def remember(ctx, x, weight, bias, centred, Y, xh, scale):
    """Keep what backward needs; Y in the shape of x."""
    ctx.xh, ctx.scale = xh, scale
    ctx.save(weight)
    ctx.centred = centred
    ctx.dtypes = [a is not None and a.dtype for a in (x, weight, bias)]
    return Y.reshape(x.shape)


def _normalise_blocks(xp, X, weight, bias, eps, centred, keep):
    Y, XH, scale = xp.empty(X.shape, X.dtype), None, xp.empty((len(X), 1), X.dtype)
    if keep:
        XH = Y if weight is bias is None else xp.empty(X.shape, X.dtype)
    for rows in slices(*X.shape, X):
        y = Y[rows]
        xh = y if XH is None else XH[rows]
        scale[rows] = standardise(X[rows], xh, eps, centred)
        if weight is not None:
            xp.multiply(xh, weight, out=y)
        if bias is not None:
            xp.add(y if weight is not None else xh, bias, out=y)
    return Y, XH, scale


def standardise(x, xh, eps, centred):
    """Write (x - mean)/s of the rows of a block to xh; return 1/s as a column."""
    xp, d = backend.xp_of(x), max(1, x.shape[1])
    if centred:
        mean = x @ xp.full(x.shape[1], 1 / d, x.dtype)  # 5x faster than x.mean(axis=1)
        x = xp.subtract(x, mean[:, None], out=xh)
    var = xp.einsum("ij,ij->i", x, x)
    var *= 1 / d
    if xp is backend.HOST and not xp.maximum.reduce(var) < math.inf:
        return _standardise_large(x, xh, eps)
    var += eps
    scale = (1 / xp.sqrt(var))[:, None]
    xp.multiply(x, scale, out=xh)
    return scale


def _standardise_large(x, xh, eps):
    """The same for centred rows whose squares leave the range: by powers of two first."""
    xp = backend.xp_of(x)
    largest = abs(x).max(axis=1, keepdims=True)
    power = xp.maximum(power_of_two(largest), 1)  # exact; small rows keep their eps
    xp.divide(x, power, out=xh)
    var = xp.einsum("ij,ij->i", xh, xh)[:, None] / max(1, x.shape[1])
    scale = 1 / xp.sqrt(var + eps / power / power)
    xh *= scale
    return scale / power


def row_gradients(ctx, gy):
    """(2) and (3); what is not needed is not computed."""
    (weight,), XH = ctx.saved, ctx.xh
    G, needs = rows_of(gy, XH.shape[1]), (*ctx.needs, False)[:3]
    GX, gw, gb = _block_gradients(ctx, G, XH, weight, *needs)
    return in_dtypes(ctx, None if GX is None else GX.reshape(gy.shape), gw, gb)


def _block_gradients(ctx, G, XH, weight, need_x, need_w, need_b):
    xp, (rows_n, d) = backend.xp_of(G), XH.shape
    GX = xp.empty(XH.shape, XH.dtype) if need_x else None
    gw, gb = (xp.zeros(d, XH.dtype) if need else None for need in (need_w, need_b))
    w_d = xp.full(d, 1 / max(d, 1), XH.dtype)  # mean(w g) of a row is g @ w_d
    if weight is not None:
        w_d = w_d * weight
    for rows in slices(rows_n, d, XH):
        g, xh = G[rows], XH[rows]
        ones = xp.ones(len(g), g.dtype)
        if need_b:
            gb += ones @ g
        gxh = xp.multiply(g, xh, out=GX[rows] if need_x else None)
        if need_w:
            gw += ones @ gxh
        if need_x:
            h = g if weight is None else g * weight
            gx = xp.multiply(xh, (gxh @ w_d)[:, None], out=gxh)
            xp.subtract(h, gx, out=gx)
            if ctx.centred:
                gx -= (g @ w_d)[:, None]
            gx *= ctx.scale[rows]
    return GX, gw, gb


def in_dtypes(ctx, *gradients):
    """Each gradient in the dtype of its value."""
    return tuple(cast(g, dtype) for g, dtype in zip(gradients, ctx.dtypes))


def layer_norm(x, weight=None, bias=None, eps=1e-5):
    """y = w (x - mean) / sqrt(var + eps) + b over the last axis. Returns a Tensor.

    x (..., d), weight (d) and bias (d) or None; var is biased, as in PyTorch. Raises
    ValueError when a shape does not fit.
    """
    x, weight, bias = wrapped(x, weight, bias)
    check_parameters("layer_norm", x, -1, weight=weight, bias=bias)
    return LayerNorm.apply(x, weight, bias, eps=eps)


def rms_norm(x, weight=None, eps=1e-6):
    """y = w x / sqrt(mean(x²) + eps) over the last axis. Returns a Tensor.

    x (..., d), weight (d) or None. eps is 1e-6, as in Llama (PyTorch's default is the
    machine precision of x). Raises ValueError when a shape does not fit.
    """
    x, weight = wrapped(x, weight)
    check_parameters("rms_norm", x, -1, weight=weight)
    return RMSNorm.apply(x, weight, eps=eps)


def check_parameters(what, x, axis, **parameters):
    if x.ndim == 0:
        raise ValueError(f"{what}: x is 0-d, expected an axis to normalise over")
    for name, w in parameters.items():
        if w is not None and w.shape != (x.shape[axis],):
            raise ValueError(
                f"{what}: {name} has shape {w.shape}, x {x.shape}; expected one entry "
                f"for each of the {x.shape[axis]} entries of axis {axis} of x"
            )
