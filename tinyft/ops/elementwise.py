"""Arithmetic, entry by entry, with NumPy's broadcasting.

Each class is a function and, under it, its derivative. Where an input was broadcast, its
gradient is the sum over the axes that were added or expanded (`unbroadcast`).
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor


def like(x):
    """What `unbroadcast` must know of an operand: (shape, dtype), None for scalars."""
    return (x.shape, x.dtype) if hasattr(x, "shape") else None


def unbroadcast(g, target):
    """Sum g over the axes that broadcasting added to an operand, and give it its dtype."""
    shape, dtype = target
    if g.shape != shape:
        extra = g.ndim - len(shape)
        expanded = [
            i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1
        ]
        g = g.sum(axis=(*range(extra), *expanded)).reshape(shape)
    return g if g.dtype == dtype else g.astype(dtype)


class Add(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        x, y = backend.match(x, y)
        return x + y

    @staticmethod
    def backward(ctx, gy):
        gx = unbroadcast(gy, ctx.x) if ctx.needs[0] else None
        return gx, unbroadcast(gy, ctx.y) if ctx.needs[1] else None


class Sub(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        x, y = backend.match(x, y)
        return x - y

    @staticmethod
    def backward(ctx, gy):
        gx = unbroadcast(gy, ctx.x) if ctx.needs[0] else None
        return gx, unbroadcast(-gy, ctx.y) if ctx.needs[1] else None


class Mul(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        ctx.save(x if ctx.needs[1] else None, y if ctx.needs[0] else None)
        x, y = backend.match(x, y)
        return x * y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        gx = unbroadcast(gy * y, ctx.x) if ctx.needs[0] else None
        return gx, unbroadcast(gy * x, ctx.y) if ctx.needs[1] else None


class Div(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        ctx.save(x if ctx.needs[1] else None, y)
        x, y = backend.match(x, y)
        if hasattr(x, "dtype") and x.dtype.kind in "biu":
            x = backend.as_float(x)  # integers divide to float32, as in PyTorch
        if hasattr(y, "dtype") and y.dtype.kind in "biu":
            y = backend.as_float(y)
        return x / y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        gx = unbroadcast(gy / y, ctx.x) if ctx.needs[0] else None
        return gx, unbroadcast(-gy * x / (y * y), ctx.y) if ctx.needs[1] else None


def add(x, y):
    """x + y, broadcast. Returns a Tensor."""
    return Add.apply(x, y)


def sub(x, y):
    """x - y, broadcast. Returns a Tensor."""
    return Sub.apply(x, y)


def mul(x, y):
    """x * y, entry by entry, broadcast. Returns a Tensor."""
    return Mul.apply(x, y)


def div(x, y):
    """x / y, broadcast; integers give float32. Returns a Tensor."""
    return Div.apply(x, y)
