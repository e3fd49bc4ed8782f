"""Pooling: the maximum or the mean of each window of an image.

    max:   y[n,c,h,w] = max over i,j of x[n, c, s h + i - p, s w + j - p]          (1)
    mean:  the same with sum / count                                               (2)
    adaptive:  y = A x B^T; row a of A (Ho, H) averages the pixels from
               floor(a H / Ho) to ceil((a + 1) H / Ho), B the columns likewise     (3)

The loop is over the few taps (i, j), each a strided view of whole images, so the memory
order of channels.py is kept and nothing is gathered. The maximum sends its gradient to
the first tap that has it, as PyTorch; padding is -inf there and 0 in (2). The means are
linear: their gradients can be differentiated again.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.window import axis_of, pair, pairs_of
from tinyft.ops.operands import wrap


class MaxPool2d(Function):
    second_order = False
    instead = "ops.composed.max_pool2d(x, size, stride, padding)"
    carried = True

    @staticmethod
    def forward(ctx, x, axes):
        ctx.axes, ctx.shape = axes, x.shape
        xp, y = backend.xp_of(x), _empty(x, axes)
        y[...] = -xp.inf if x.dtype.kind == "f" else xp.iinfo(x.dtype).min
        winner = xp.zeros_like(y, dtype="u1" if _taps(axes) < 256 else "i4")
        for tap, (inside, place) in enumerate(taps(axes, x.shape)):
            new, best = x[inside], y[place]
            if ctx.needs[0]:
                better = (new > best) | (new != new)  # NaN wins, as in PyTorch
                winner[place] = xp.where(better, tap, winner[place])
            xp.maximum(best, new, out=best)
        ctx.winner = winner if ctx.needs[0] else None
        return y

    @staticmethod
    def backward(ctx, gy):
        gx = _zeros_images(gy, ctx.shape)
        for tap, (inside, place) in enumerate(taps(ctx.axes, ctx.shape)):
            gx[inside] += gy[place] * (ctx.winner[place] == tap)
        return gx


class AvgPool2d(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, axes, padded):
        ctx.options = {"axes": axes, "padded": padded}
        ctx.shape = x.shape
        y = _empty(x, axes)
        y[...] = 0
        for inside, place in taps(axes, x.shape):
            y[place] += x[inside]
        y *= _shares(y, x.shape, axes, padded)
        return y

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return AvgUnpool2d.apply(gy, shape=ctx.shape, **ctx.options)
        return AvgUnpool2d.forward(ctx, gy, ctx.shape, **ctx.options)


class AvgUnpool2d(Function):
    """The gradient of AvgPool2d, and so AvgPool2d is its gradient."""

    carried = True

    @staticmethod
    def forward(ctx, gy, shape, axes, padded):
        ctx.options = {"axes": axes, "padded": padded}
        gx = _zeros_images(gy, shape)
        gy = gy * _shares(gy, shape, axes, padded)
        for inside, place in taps(axes, shape):
            gx[inside] += gy[place]
        return gx

    @staticmethod
    def backward(ctx, ggx):
        if ctx.graph:
            return AvgPool2d.apply(ggx, **ctx.options)
        return AvgPool2d.forward(ctx, ggx, **ctx.options)


class Resample(Function):
    """y = A x B^T on the two image axes, for constant A (Ho, H) and B (Wo, W)."""

    carried = True

    @staticmethod
    def forward(ctx, x, A, B):
        ctx.matrices = A, B
        return _sandwich(x, A, B)

    @staticmethod
    def backward(ctx, gy):
        A, B = (M.T for M in ctx.matrices)
        gx = Resample.apply(gy, A, B) if ctx.graph else _sandwich(gy, A, B)
        return gx, None, None


class GlobalMean(Function):
    carried = True

    @staticmethod
    def forward(ctx, x):
        ctx.shape, ctx.pixels = x.shape, max(1, x.shape[2] * x.shape[3])
        xp, last = backend.xp_of(x), x.transpose(0, 2, 3, 1)
        rows = last.reshape(x.shape[0], x.shape[2] * x.shape[3], x.shape[1])
        weights = xp.full((1, rows.shape[1]), 1 / ctx.pixels, x.dtype)
        return (weights @ rows).reshape(*x.shape[:2], 1, 1)

    @staticmethod
    def backward(ctx, gy):
        return backend.xp_of(gy).broadcast_to(gy * (1 / ctx.pixels), ctx.shape)


# --- windows ------------------------------------------------------------------------


def taps(axes, shape):
    """For each tap (i, j): indices of the pixels it reads and of their results."""
    for i in range(axes[0].taps):
        for j in range(axes[1].taps):
            rows, cols = _reach(axes[0], i, shape[2]), _reach(axes[1], j, shape[3])
            index = [(slice(None), slice(None), r, c) for r, c in zip(rows, cols)]
            yield tuple(index)


def _reach(axis, tap, size):
    """Pixels that `tap` reads on one axis, and the results they belong to."""
    s, offset = axis.stride, tap - axis.before
    low = max(0, -(offset // s))  # first result whose pixel is inside the image
    high = max(low, min(axis.out, (size - 1 - offset) // s + 1))
    start = s * low + offset
    return slice(start, start + s * (high - low), s), slice(low, high)


def _taps(axes):
    return axes[0].taps * axes[1].taps


def _shares(y, shape, axes, padded):
    """1 / count of each window, as a constant that broadcasts to y (N, C, Ho, Wo)."""
    if padded or not (axes[0].before or axes[1].before):
        return 1 / _taps(axes)
    xp, counts = backend.xp_of(y), []
    for axis, size in zip(axes, shape[2:]):
        starts = [axis.stride * k - axis.before for k in range(axis.out)]
        spans = [min(size, a + axis.taps) - max(0, a) for a in starts]
        counts.append(xp.asarray(spans, dtype=y.dtype))
    return 1 / (counts[0][:, None] * counts[1])


def _empty(x, axes):
    """Results (N, C, Ho, Wo) in channels-last memory."""
    N, C = x.shape[:2]
    shape = (N, axes[0].out, axes[1].out, C)
    return backend.xp_of(x).empty(shape, x.dtype).transpose(0, 3, 1, 2)


def _zeros_images(gy, shape):
    N, C, H, W = shape
    return backend.xp_of(gy).zeros((N, H, W, C), gy.dtype).transpose(0, 3, 1, 2)


def _sandwich(x, A, B):
    """A x B^T on axes 2 and 3: two products with channels-last memory."""
    N, C, H, W = x.shape
    y = A @ x.transpose(0, 2, 3, 1).reshape(N, H, W * C)  # (N, Ho, W C)
    y = B @ y.reshape(N, len(A), W, C)  # (N, Ho, Wo, C)
    return y.transpose(0, 3, 1, 2)


def _averages(out, size, x):
    """A (out, size) of equation (3)."""
    rows = []
    for a in range(out):
        first, end = a * size // out, -((-(a + 1) * size) // out)
        share = 1 / (end - first)
        rows.append([share * (first <= i < end) for i in range(size)])
    return backend.to(backend.create(rows, x.dtype), backend.device_of(x))


# --- the public faces ---------------------------------------------------------------


def max_pool2d(x, size, stride=None, padding=0):
    """Equation (1). Returns a Tensor (N, C, Ho, Wo), Ho = (H + 2p - size)//stride + 1.

    x (N, C, H, W); size, stride (default: size) and padding (at most size / 2) are a
    number or a pair. Raises ValueError, with the shape, for what does not fit.
    """
    x = wrap(x)
    return MaxPool2d.apply(x, axes=_axes("max_pool2d", x, size, stride, padding))


def avg_pool2d(x, size, stride=None, padding=0, count_include_pad=True):
    """Equation (2). Arguments and errors as max_pool2d. Returns a Tensor.

    `count_include_pad=False` divides by the number of pixels inside the image.
    """
    x = wrap(x)
    axes = _axes("avg_pool2d", x, size, stride, padding)
    return AvgPool2d.apply(x, axes=axes, padded=count_include_pad)


def adaptive_avg_pool2d(x, size):
    """Equation (3): the mean over Ho x Wo equal parts. Returns a Tensor (N, C, Ho, Wo).

    x (N, C, H, W); size is a number or a pair, None keeps that axis. Raises ValueError.
    """
    x = wrap(x)
    what = f"adaptive_avg_pool2d: x has shape {x.shape}"
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ValueError(f"{what}; expected (N, C, H, W) with at least one pixel")
    size = tuple(n if k is None else k for k, n in zip(pair(size), x.shape[2:]))
    if min(size) < 1:
        raise ValueError(f"{what}; size is {size}, expected at least 1")
    if size == (1, 1):
        return GlobalMean.apply(x)
    data = getattr(x, "_data", x)
    A, B = (_averages(k, n, data) for k, n in zip(size, x.shape[2:]))
    return Resample.apply(x, A, B)


def _axes(name, x, size, stride, padding):
    what = f"{name}: x has shape {x.shape}"
    if x.ndim != 4:
        raise ValueError(f"{what}; expected four axes (N, C, H, W)")
    stride = size if stride is None else stride
    size, stride, padding = pairs_of(what, size=size, stride=stride, padding=padding)
    if any(2 * p > k for p, k in zip(padding, size)):
        raise ValueError(f"{what}; padding {padding} is more than half of size {size}")
    return tuple(axis_of(what, *a) for a in zip(x.shape[2:], size, stride, padding))
