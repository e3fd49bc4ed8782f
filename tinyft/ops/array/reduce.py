"""Sums, means, extremes and products along one axis, several or all.

    sum      gx = gy, spread over the axes that were summed
    mean     gx = gy / n
    max      gx = gy / k at the k entries that are equal to the maximum, else 0
    cumsum   gx = the cumulative sum of gy from the end

`axis` is an int, a tuple or None (all), counted from the end if negative. Sums of
float32 are float32; sums of float16 are carried in float32 and rounded once.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.elementwise import total
from tinyft.ops.array.join import astype, concatenate
from tinyft.ops.array.shape import moveaxis, reshape
from tinyft.ops.axes import along, axes_of
from tinyft.ops.operands import wrap

HOST = backend.host()


class Reduction(Function):
    """Base: remembers how to bring y and gy back to the number of axes of x."""

    scalars = False

    @staticmethod
    def remember(ctx, x, axis, keepdims):
        """Set ctx.kept (y's shape with axes of size 1), ctx.n (entries a result)."""
        axes = axes_of(ctx.function.__name__.lower(), x.shape, axis)
        ctx.shape, ctx.axes = x.shape, axes
        ctx.kept = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
        ctx.n = math.prod([x.shape[i] for i in axes])
        return {"axis": axes, "keepdims": keepdims}


def spread(ctx, gy):
    """gy as an array of x's shape: the same value along every reduced axis."""
    return backend.xp_of(gy).broadcast_to(gy.reshape(ctx.kept), ctx.shape)


def divided(x, n):
    """x / n, and not a number where n is not positive: the mean of nothing."""
    return x / n if n > 0 else x * math.nan


class Sum(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        return total(x, **Reduction.remember(ctx, x, axis, keepdims))

    @staticmethod
    def backward(ctx, gy):
        return spread(ctx, gy)


class Mean(Reduction):
    carried = True

    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        y = divided(x.sum(**options), ctx.n)
        if ctx.n and backend.device_of(x) == "cpu" and not _finite(y):
            y = (x / ctx.n).sum(**options)  # the sum left the range, the mean did not
        return y

    @staticmethod
    def backward(ctx, gy):
        return spread(ctx, divided(gy, ctx.n))


def _finite(y):
    """True if all of y, an array or a NumPy scalar of the host, is finite."""
    finite = HOST.isfinite(y)
    return finite if y.ndim == 0 else finite.all()


class Max(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        options = Reduction.remember(ctx, x, axis, keepdims)
        _refuse_empty(ctx, x, axis)
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
        _refuse_empty(ctx, x, axis)
        y = backend.as_array(x.min(**options))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return share_ties(ctx, gy, x, y)


def share_ties(ctx, gy, x, y):
    """gy, in equal parts, to the entries of x that are equal to the result y, or NaN."""
    xp = backend.xp_of(gy)
    chosen = xp.logical_or(x == y.reshape(ctx.kept), x != x)
    count = chosen.sum(axis=ctx.axes, keepdims=True)
    return xp.where(chosen, gy.reshape(ctx.kept) / count.astype(gy.dtype), 0.0)


def _refuse_empty(ctx, x, axis):
    if ctx.n == 0:
        raise ValueError(
            f"{ctx.function.__name__.lower()}: nothing to choose from: shape {x.shape} "
            f"has no entries along axis {axis}"
        )


class Cumsum(Function):
    scalars, carried = False, True

    @staticmethod
    def forward(ctx, x, axis):
        ctx.axis = axis
        return x.cumsum(axis)

    @staticmethod
    def backward(ctx, gy):
        axis, xp = ctx.axis, backend.xp_of(gy)
        return xp.flip(xp.cumsum(xp.flip(gy, axis), axis), axis)


def sum(x, axis=None, keepdims=False):
    """The sum along `axis`; 0 of nothing. Booleans are counted. Returns a Tensor."""
    return Sum.apply(x, axis=axis, keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean along `axis`; integers give float32, nothing gives NaN."""
    return Mean.apply(x, axis=axis, keepdims=keepdims)


def max(x, axis=None, keepdims=False):
    """The largest entry along `axis`. Returns a Tensor; ValueError for no entries.

    Values only: PyTorch's max with a dim returns positions too (`argmax` here). Equal
    largest entries share the gradient evenly, as in its amax. NaN is the largest.
    """
    return Max.apply(x, axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    """The smallest entry along `axis`; equal ones share the gradient, as in `max`."""
    return Min.apply(x, axis=axis, keepdims=keepdims)


amax, amin = max, min  # PyTorch's names


def cumsum(x, axis=None):
    """y_i = x_0 + ... + x_i along `axis`; of the flat x by default (PyTorch has none)."""
    x = wrap(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return along("cumsum", lambda x, axis: Cumsum.apply(x, axis=axis), x, axis)


def prod(x, axis=None, keepdims=False):
    """The product along `axis`; 1 of nothing. Returns a Tensor.

    Made of products of pairs, so the derivative is right where entries are 0 (gy · y /
    x is not), in every order.
    """
    x = wrap(x)
    axes = axes_of("prod", x.shape, axis)
    n = math.prod([x.shape[i] for i in axes])
    rest = tuple([m for i, m in enumerate(x.shape) if i not in axes])
    kept = tuple([1 if i in axes else m for i, m in enumerate(x.shape)])
    y = reshape(moveaxis(x, axes, tuple(range(-len(axes), 0))), (*rest, n))
    y = y if x.dtype.kind in "fc" else astype(y, backend.int64)
    return reshape(_product_of_last(y), kept if keepdims else rest)


def _product_of_last(y):
    if not y.shape[-1]:
        return sum(y, -1) + 1  # of nothing: 1, and still a function of x
    while y.shape[-1] > 1:
        n = y.shape[-1] // 2
        pairs, odd = y[..., :n] * y[..., n : 2 * n], y[..., 2 * n :]
        y = concatenate([pairs, odd], axis=-1) if odd.shape[-1] else pairs
    return y
