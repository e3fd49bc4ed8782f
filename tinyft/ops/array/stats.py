"""Variance, standard deviation, norm and log-sum-exp along axes.

    var      gx = gy · 2 (x - mean) / (n - ddof)          (the mean's part sums to 0)
    std      gx = gy · (x - mean) / ((n - ddof) std)      and 0 where std = 0
    norm     gx = gy · x / norm                           and 0 where norm = 0
    log-sum-exp(x) = log Σ e^(x_i - top) + top            gx = gy · e^(x - y), a softmax

The log-sum-exp of a row of -inf is -inf, with gradient 0: a row where nothing may be
looked at. As in NumPy, ddof = 0 is the biased variance; PyTorch's default is ddof = 1.

A square leaves the range of float32 below 1e-19 and above 1e19. Before squaring, x is
divided by the power of two at its largest entry (`scaled`): exact, and the norm, the
standard deviation or the variance leaves the range only where its own value does.
"""

import math

from tinyft import backend
from tinyft.ops.array.reduce import Reduction, divided


def scaled(ctx, x):
    """x / p, with p (ctx.power) a power of two near its largest |x| along the axes."""
    xp, ctx.power = backend.xp_of(x), 1.0
    if ctx.n:
        ctx.power = power_of_two(xp.abs(x).max(axis=ctx.axes, keepdims=True))
    return x / ctx.power


def power_of_two(x):
    """A power of two within a factor of 2 of each x > 0; 1 for 0, inf and NaN."""
    xp = backend.xp_of(x)
    usual = xp.logical_and(x > 0, xp.isfinite(x))
    exponent = xp.log2(xp.where(usual, x, 1.0)).astype("int32")
    return xp.ldexp(xp.ones_like(x), exponent)


class Var(Reduction):
    carried = True

    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        Reduction.remember(ctx, x, axis, keepdims)
        ctx.count = ctx.n - ddof
        ctx.save(x)
        d = _centred(ctx, scaled(ctx, x))
        y = divided((d * d).sum(axis=ctx.axes, keepdims=True), ctx.count)
        return _shaped(ctx, y * ctx.power * ctx.power, keepdims)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        d = _centred(ctx, x / ctx.power)
        return d * (divided(gy * 2, ctx.count).reshape(ctx.kept) * ctx.power)


class Std(Reduction):
    carried = True

    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        Reduction.remember(ctx, x, axis, keepdims)
        ctx.count = ctx.n - ddof
        d = _centred(ctx, scaled(ctx, x))
        y = divided((d * d).sum(axis=ctx.axes, keepdims=True), ctx.count)
        y = _shaped(ctx, backend.xp_of(x).sqrt(y) * ctx.power, keepdims)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        d, s = _centred(ctx, x / ctx.power), y.reshape(ctx.kept) / ctx.power
        s = backend.xp_of(gy).where(s == 0, 1.0, s)  # there x - mean is 0 as well
        return d / s * divided(gy, ctx.count).reshape(ctx.kept)


def _centred(ctx, x):
    """x minus its mean along the axes; for arrays and Tensors."""
    return x - divided(x.sum(axis=ctx.axes, keepdims=True), ctx.n)


def _shaped(ctx, y, keepdims):
    """y, whose reduced axes have size 1, without them unless `keepdims`."""
    return backend.as_array(y if keepdims else y.squeeze(ctx.axes))


class Norm(Reduction):
    carried = True

    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        Reduction.remember(ctx, x, axis, keepdims)
        y = scaled(ctx, x)
        y = (y * y).sum(axis=ctx.axes, keepdims=True)
        y = _shaped(ctx, backend.xp_of(x).sqrt(y) * ctx.power, keepdims)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        safe = backend.xp_of(gy).where(y == 0, 1.0, y).reshape(ctx.kept)
        return x / safe * gy.reshape(ctx.kept)


class LogSumExp(Reduction):
    carried = True

    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        Reduction.remember(ctx, x, axis, keepdims)
        xp = backend.xp_of(x)
        top = xp.zeros(ctx.kept, x.dtype)
        if ctx.n:
            top = x.max(axis=ctx.axes, keepdims=True)
            top = xp.where(xp.isfinite(top), top, 0.0)  # inf - inf must not happen
        with backend.errstate(x, divide="ignore"):  # log 0 = -inf is the right answer
            y = xp.log(xp.exp(x - top).sum(axis=ctx.axes, keepdims=True)) + top
        y = _shaped(ctx, y, keepdims)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        xp, y = backend.xp_of(gy), y.reshape(ctx.kept)
        return gy.reshape(ctx.kept) * xp.exp(x - xp.where(y == -math.inf, 0.0, y))


def var(x, axis=None, ddof=0, keepdims=False):
    """Σ (x - mean)² / (n - ddof) along `axis`; NaN if n <= ddof. Returns a Tensor.

    ddof is 0 by default, as in NumPy; PyTorch's default is 1 (`correction=1`).
    """
    return Var.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def std(x, axis=None, ddof=0, keepdims=False):
    """The square root of `var`; its gradient is 0 where all entries are equal.

    ddof is 0 by default, as in NumPy; PyTorch's default is 1.
    """
    return Std.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def norm(x, axis=None, keepdims=False):
    """The 2-norm √(Σ x²) along `axis` (of all entries by default); gradient 0 at 0.

    The second argument is the axis; in PyTorch and in numpy.linalg it is the order.
    """
    return Norm.apply(x, axis=axis, keepdims=keepdims)


def logsumexp(x, axis=None, keepdims=False):
    """log Σ e^x along `axis`, without overflow; -inf for a row of -inf, gradient 0.

    Over all entries by default (PyTorch asks for a dim, and has NaN for that gradient).
    """
    return LogSumExp.apply(x, axis=axis, keepdims=keepdims)
