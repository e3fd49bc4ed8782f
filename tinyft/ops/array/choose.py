"""Choosing between values, entry by entry: maximum, minimum, where, clip, masked fill.

The derivative of a choice is the same choice between gradients. At a tie, where no
derivative exists, `maximum` and `minimum` give half to each side and `clip` lets the
gradient pass at its bounds: subgradients, and PyTorch's.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.elementwise import like, unbroadcast


class Maximum(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        ctx.save(x, y)
        x, y = backend.match(x, y)
        return backend.xp_of(_array_of(x, y)).maximum(x, y)

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return _larger_takes(ctx, gy, x, y)


class Minimum(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        ctx.save(x, y)
        x, y = backend.match(x, y)
        return backend.xp_of(_array_of(x, y)).minimum(x, y)

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return _larger_takes(ctx, gy, -x, -y)


def _larger_takes(ctx, gy, x, y):
    """gy to the larger of x and y, half of it to each at a tie (both at a NaN)."""
    xp = backend.xp_of(gy)
    gy = xp.where(x == y, gy * 0.5, gy)
    gx = unbroadcast(xp.where(x < y, 0.0, gy), ctx.x) if ctx.needs[0] else None
    return gx, unbroadcast(xp.where(y < x, 0.0, gy), ctx.y) if ctx.needs[1] else None


class Where(Function):
    @staticmethod
    def forward(ctx, condition, x, y):
        ctx.x, ctx.y = like(x), like(y)
        ctx.save(condition)
        x, y = backend.match(x, y)
        out = backend.xp_of(condition).where(condition, x, y)
        if ctx.x is None and ctx.y is None and out.dtype == backend.float64:
            out = out.astype(backend.float32)  # two Python floats give float32
        return out

    @staticmethod
    def backward(ctx, gy):
        (condition,) = ctx.saved
        xp, gx, g_other = backend.xp_of(gy), None, None
        if ctx.needs[1]:
            gx = unbroadcast(xp.where(condition, gy, 0.0), ctx.x)
        if ctx.needs[2]:
            g_other = unbroadcast(xp.where(condition, 0.0, gy), ctx.y)
        return None, gx, g_other


class Clip(Function):
    fused = ("compiled",)

    @staticmethod
    def forward(ctx, x, low, high):
        ctx.likes = like(x), like(low), like(high)
        ctx.save(x, low, high)
        for bound in (low, high):
            x = x if bound is None else backend.match(x, bound)[0]
        return backend.xp_of(x).clip(x, low, high)

    @staticmethod
    def backward(ctx, gy):
        x, low, high = ctx.saved
        xp, result = backend.xp_of(gy), [None, None, None]
        below = False if low is None else x < low
        above = False if high is None else x > high
        if ctx.needs[0]:  # a product takes an eighth of the time of `where`
            inside = xp.logical_not(xp.logical_or(below, above))
            result[0] = unbroadcast(gy * inside, ctx.likes[0])
        if ctx.needs[1]:
            acts = below if high is None else xp.logical_and(below, low < high)
            result[1] = unbroadcast(xp.where(acts, gy, 0.0), ctx.likes[1])
        if ctx.needs[2]:
            acts = above if low is None else xp.logical_or(above, high < low)
            result[2] = unbroadcast(xp.where(acts, gy, 0.0), ctx.likes[2])
        return tuple(result)


def _array_of(x, y):
    return x if hasattr(x, "dtype") else y


class Remainder(Function):
    """x - n y with n = floor(x / y): slope 1 in x and -n in y, between the jumps."""

    scalars = False

    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        x, y = backend.match(x, y)
        ctx.save(x, y)
        return backend.xp_of(x).remainder(x, y)

    @staticmethod
    def backward(ctx, gy):
        (x, y), gx, g_divisor = ctx.saved, None, None
        if ctx.needs[0]:
            gx = unbroadcast(gy, ctx.x)
        if ctx.needs[1]:
            n = backend.xp_of(x).floor_divide(x, y)
            g_divisor = unbroadcast(-gy * n, ctx.y)
        return gx, g_divisor


def remainder(x, y):
    """x - y floor(x / y), with the sign of y. Returns a Tensor."""
    return Remainder.apply(x, y)


def maximum(x, y):
    """The larger of x and y, broadcast; at a tie each gets half the gradient."""
    return Maximum.apply(x, y)


def minimum(x, y):
    """The smaller of x and y, broadcast; at a tie each gets half the gradient."""
    return Minimum.apply(x, y)


def where(condition, x, y):
    """x where `condition` is true, else y, all three broadcast. Returns a Tensor.

    The gradient of the value that was not chosen is 0, whatever was computed there;
    but an infinite slope there still meets this 0, and 0 · inf is NaN, as in PyTorch. So
    keep both branches finite: log(where(x > 0, x, 1)), not where(x > 0, log(x), 0).
    """
    return Where.apply(condition, x, y)


def masked_fill(x, mask, value):
    """`value` where `mask` is true, else x; mask broadcasts. As in PyTorch."""
    return Where.apply(mask, value, x)


def clip(x, low=None, high=None):
    """x limited to [low, high]: PyTorch's clamp. A bound is a number, an array, a Tensor
    or None.

    The gradient passes inside and at the bounds, and goes to a Tensor bound outside.
    """
    if low is None and high is None:
        raise ValueError("clip: give at least one bound, clip(x, low, high)")
    return Clip.apply(x, low, high)
