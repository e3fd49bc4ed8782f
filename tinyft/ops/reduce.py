"""Sums, means, extremes and what is made of them, along one axis, several or all.

    sum      gx = gy, spread over the axes that were summed
    mean     gx = gy / n
    max      gx = gy / k at the k entries that are equal to the maximum, else 0
    var      gx = gy · 2 (x - mean) / (n - ddof)            (the mean's own part sums to 0)
    std      gx = gy · (x - mean) / ((n - ddof) std)        and 0 where std = 0
    norm     gx = gy · x / norm                             and 0 where norm = 0
    lse      gx = gy · softmax(x)

`axis` is an int, a tuple or None (all), counted from the end if negative. The sums of
float32 are float32; those of float16 are carried in float32 and rounded once.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor
from tinyft.ops.elementwise import mul, unbroadcast
from tinyft.ops.shape import concatenate, moveaxis, ones_beside, reshape


class Reduction(Function):
    """Base: remembers how to bring gy, or y, back to the number of axes of x."""

    scalars = False

    @staticmethod
    def remember(ctx, x, axis, keepdims):
        """Set ctx.kept (shape of y with axes of size 1) and ctx.n (entries per result)."""
        axes = axes_of(ctx.function.__name__.lower(), x.shape, axis)
        ctx.shape, ctx.axes = x.shape, axes
        ctx.kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        ctx.n = math.prod([x.shape[i] for i in axes])
        return {"axis": axes, "keepdims": keepdims}


def axes_of(what, shape, axis):
    """`axis` as a tuple of axes >= 0; ValueError names the operation, axis and shape."""
    ndim = len(shape)
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([a + ndim if a < 0 else a for a in given])
    for a, g in zip(axes, given):
        if not 0 <= a < ndim:
            raise ValueError(
                f"{what}: axis {g} does not exist, the shape {shape} has {ndim} axes "
                f"(legal: {-ndim}..{ndim - 1})"
            )
        if axes.count(a) > 1:
            raise ValueError(f"{what}: axis {g} is named twice in {axis}")
    return axes


def spread(ctx, gy):
    """gy as an array of x's shape: the same value along every reduced axis."""
    return backend.xp_of(gy).broadcast_to(gy.reshape(ctx.kept), ctx.shape)


def total(x, options):
    """The sum, carried in float32 for float16."""
    if x.dtype != backend.float16:
        return x.sum(**options)
    return x.sum(**options, dtype=backend.float32).astype(x.dtype)


class Sum(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        return total(x, Reduction.remember(ctx, x, axis, keepdims))

    @staticmethod
    def backward(ctx, gy):
        return spread(ctx, gy)


class Mean(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        if x.dtype == backend.float16:  # the sum alone could overflow
            return (x.sum(**options, dtype=backend.float32) * over(ctx.n)).astype(x.dtype)
        return x.sum(**options) * over(ctx.n)

    @staticmethod
    def backward(ctx, gy):
        return spread(ctx, gy * over(ctx.n))


def over(n):
    """1/n; not a number for the mean of nothing."""
    return 1 / n if n > 0 else math.nan


class Max(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        options = Reduction.remember(ctx, x, axis, keepdims)
        _refuse_empty("max", x, ctx, axis)
        y = backend.as_array(x.max(**options))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return share_ties(ctx, gy, x, y)


class Min(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        options = Reduction.remember(ctx, x, axis, keepdims)
        _refuse_empty("min", x, ctx, axis)
        y = backend.as_array(x.min(**options))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return share_ties(ctx, gy, x, y)


def share_ties(ctx, gy, x, y):
    """gy, in equal parts, to the entries of x that are equal to the result y."""
    xp = backend.xp_of(gy)
    chosen = x == y.reshape(ctx.kept)
    count = chosen.sum(axis=ctx.axes, keepdims=True)
    part = gy.reshape(ctx.kept) / xp.maximum(count, 1).astype(gy.dtype)  # NaN: no winner
    return xp.where(chosen, part, 0.0)


def _refuse_empty(what, x, ctx, axis):
    if ctx.n == 0:
        raise ValueError(
            f"{what}: there is no largest or smallest of nothing: shape {x.shape} has no "
            f"entry along axis {axis}"
        )


class Var(Reduction):
    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        ctx.scale = over(ctx.n - ddof)
        ctx.save(x)
        d = _centred(ctx, x)
        return total(d * d, options) * ctx.scale

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return _centred(ctx, x) * (gy.reshape(ctx.kept) * (2 * ctx.scale))


class Std(Reduction):
    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        ctx.scale = over(ctx.n - ddof)
        d = _centred(ctx, x)
        y = backend.as_array(backend.xp_of(x).sqrt(total(d * d, options) * ctx.scale))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        safe = backend.xp_of(gy).where(y == 0, 1.0, y)  # there x - mean is 0 too
        return _centred(ctx, x) * (gy / safe * ctx.scale).reshape(ctx.kept)


def _centred(ctx, x):
    """x minus its mean along the axes; for arrays and Tensors."""
    return x - x.sum(axis=ctx.axes, keepdims=True) * over(ctx.n)


class Norm(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        y = backend.as_array(backend.xp_of(x).sqrt(total(x * x, options)))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        safe = backend.xp_of(gy).where(y == 0, 1.0, y)
        return x * (gy / safe).reshape(ctx.kept)


class LogSumExp(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        xp = backend.xp_of(x)
        top = x.max(axis=ctx.axes, keepdims=True) if ctx.n else xp.zeros(ctx.kept, x.dtype)
        top = xp.where(xp.isfinite(top), top, 0)  # so that inf - inf never happens
        with backend.errstate(x, divide="ignore"):  # log 0 of a row of -inf is right
            y = xp.log(xp.exp(x - top).sum(axis=ctx.axes, keepdims=True)) + top
        y = y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in ctx.axes])
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        xp, y = backend.xp_of(gy), y.reshape(ctx.kept)
        return gy.reshape(ctx.kept) * xp.exp(x - xp.where(xp.isfinite(y), y, 0))


class Cumsum(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, axis):
        return x.cumsum(axis)

    @staticmethod
    def backward(ctx, gy):
        pass
