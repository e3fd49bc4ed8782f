"""Arithmetic, entry by entry, with NumPy's broadcasting.

Each class is a function and, under it, its derivative. Where an input was broadcast,
its gradient is the sum over the axes that were added or expanded (`unbroadcast`).

x / y has gx = gy / y and -gy (x / y) / y for y, divided twice: in float32 y² is 0 below
1e-19 and infinite above 1e19, where x / y² need not be.

Powers: d(x^n) = n x^(n-1) dx, d(a^y) = a^y log(a) dy. Small whole exponents are
products: NumPy's float32 `x**3` calls a library per entry, 60x slower than `x*x*x`.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.operands import cast

LARGEST_PRODUCT = 16  # x**n by squaring up to here, by the library's power above


def like(x):
    """What `unbroadcast` must know of an operand: (shape, dtype), None for scalars."""
    return (x.shape, x.dtype) if hasattr(x, "shape") else None


def total(x, axis, keepdims):
    """The sum, of arrays or Tensors, carried in float32 for float16."""
    if x.dtype != backend.float16:
        return x.sum(axis=axis, keepdims=keepdims)
    wide = x.astype(backend.float32).sum(axis=axis, keepdims=keepdims)
    return wide.astype(x.dtype)


def unbroadcast(g, target):
    """Sum g over the axes that broadcasting added to an operand; give it its dtype."""
    shape, dtype = target
    if g.shape != shape:
        extra = g.ndim - len(shape)
        expanded = [
            i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1
        ]
        g = total(g, (*range(extra), *expanded), False).reshape(shape)
    return cast(g, dtype)


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
        return gx, unbroadcast(-gy * (x / y / y), ctx.y) if ctx.needs[1] else None


class Neg(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x):
        return -x

    @staticmethod
    def backward(ctx, gy):
        return -gy


class Square(Function):
    scalars, carried = False, True

    @staticmethod
    def forward(ctx, x):
        ctx.save(x)
        return x * x

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * (x * 2)


class PowerOf(Function):
    """x**n for a Python number n."""

    scalars, carried = False, True

    @staticmethod
    def forward(ctx, x, n):
        if isinstance(n, float) or n < 0:  # NumPy refuses integers ** negative integers
            x = backend.as_float(x)
        ctx.n = n
        ctx.save(x)
        return power(x, n)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        if ctx.n == 0:
            return backend.xp_of(gy).zeros_like(gy)
        return gy * (power(x, ctx.n - 1) * ctx.n)


class Pow(Function):
    """x**y for an array y; x an array or a Python number."""

    carried = True

    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = like(x), like(y)
        x, y = backend.match(x, y)
        out = backend.as_array(x**y)
        ctx.save(x, y, out if ctx.needs[1] else None)
        return out

    @staticmethod
    def backward(ctx, gy):
        x, y, out = ctx.saved
        xp, gx, g_exponent = backend.xp_of(gy), None, None
        if ctx.needs[0]:  # y x^(y-1), and 0 for x^0, also at x = 0
            lower = xp.where(y == 0, 1, y - 1)
            gx = unbroadcast(gy * (y * x**lower), ctx.x)
        if ctx.needs[1]:  # x^y log x, and 0 for 0^y with y >= 0
            g_exponent = unbroadcast(gy * (out * _log_or_0(xp, x, y)), ctx.y)
        return gx, g_exponent


def power(x, n):
    """x**n of an array or Tensor, by repeated squaring if n is small and whole."""
    if n % 1 or not -LARGEST_PRODUCT <= n <= LARGEST_PRODUCT:
        return x**n
    if n < 0:
        return power(1 / x, -n)  # x**-n would leave the range before its reciprocal
    y, n = None, int(n)
    while n:
        if n % 2:
            y = x if y is None else y * x
        n //= 2
        x = x * x if n else x
    return backend.xp_of(x).ones_like(x) if y is None else y


def _log_or_0(xp, x, y):
    if not hasattr(x, "dtype"):  # a Python number: no NumPy scalar may come of it
        if x == 0:
            return xp.where(y >= 0, 0.0, -math.inf)
        return math.log(x) if x > 0 else math.nan
    return xp.log(xp.where((x == 0) & (y >= 0), 1, x))


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


def neg(x):
    """-x. Returns a Tensor."""
    return Neg.apply(x)


def square(x):
    """x * x. Returns a Tensor."""
    return Square.apply(x)


def reciprocal(x):
    """1 / x; integers give float32. Returns a Tensor."""
    return Div.apply(1.0, x)


def lerp(x, y, weight):
    """x + weight (y - x), broadcast: x at weight 0, y at weight 1. Returns a Tensor."""
    return add(x, mul(weight, sub(y, x)))


def pow(x, y):
    """x**y, broadcast; a whole number y up to 16 is done by products. Returns a Tensor.

    Gradients: y x^(y-1), and 0 where y is 0; x^y log x, and 0 where x is 0
    and y is not negative.
    """
    if backend.is_scalar(y):
        return PowerOf.apply(x, n=y.item() if hasattr(y, "item") else y)
    return Pow.apply(x, y)
