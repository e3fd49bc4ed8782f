"""Functions of one argument, entry by entry: exponentials, roots, absolute value, erf.

Each class is a function and, under it, its derivative; what the derivative reads (x or
y = f(x)) is what is saved. Integers become float32. Where the result is infinite or not
a number (log 0, sqrt -1, exp 1000), NumPy's warning stands: it is a mistake in most
programs, and `numpy.errstate` is there for the others.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.erf import erf_values


class Unary(Function):
    """y = value(xp, x), gx = gy · slope(xp, x, y), which reads x or y (`keeps`)."""

    keeps = "x"

    @staticmethod
    def forward(ctx, x):
        x = backend.as_float(x)
        y = backend.as_array(ctx.function.value(backend.xp_of(x), x))
        keeps = ctx.function.keeps
        ctx.save(x if keeps == "x" else None, y if keeps == "y" else None)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        return gy * ctx.function.slope(backend.xp_of(gy), x, y)


class Abs(Unary):
    @staticmethod
    def value(xp, x):
        return xp.abs(x)

    @staticmethod
    def slope(xp, x, y):
        return xp.sign(x)


class Exp(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return xp.exp(x)

    @staticmethod
    def slope(xp, x, y):
        return y


class Expm1(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return xp.expm1(x)

    @staticmethod
    def slope(xp, x, y):
        return y + 1


class Log(Unary):
    @staticmethod
    def value(xp, x):
        return xp.log(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / x


class Log1p(Unary):
    @staticmethod
    def value(xp, x):
        return xp.log1p(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / (1 + x)


class Log2(Unary):
    @staticmethod
    def value(xp, x):
        return xp.log2(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / (x * math.log(2))


class Log10(Unary):
    @staticmethod
    def value(xp, x):
        return xp.log10(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / (x * math.log(10))


class Sqrt(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return xp.sqrt(x)

    @staticmethod
    def slope(xp, x, y):
        return 0.5 / y


class Rsqrt(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return 1 / xp.sqrt(x)

    @staticmethod
    def slope(xp, x, y):
        return -0.5 * y * y * y


class Sigmoid(Unary):
    keeps = "y"
    carried = True

    @staticmethod
    def value(xp, x):  # e^min(x, 0) / (1 + e^-|x|): no exponent is ever positive
        return xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(xp.minimum(x, -x)))

    @staticmethod
    def slope(xp, x, y):
        return y * (1 - y)


class Erf(Unary):
    @staticmethod
    def value(xp, x):
        return erf_values(x)

    @staticmethod
    def slope(xp, x, y):
        return xp.exp(-x * x) * (2 / math.sqrt(math.pi))


def abs(x):
    """|x|; the derivative at 0 is 0. Returns a Tensor."""
    return Abs.apply(x)


def exp(x):
    """e^x. Returns a Tensor."""
    return Exp.apply(x)


def expm1(x):
    """e^x - 1, precise near 0. Returns a Tensor."""
    return Expm1.apply(x)


def log(x):
    """Natural logarithm. Returns a Tensor."""
    return Log.apply(x)


def log1p(x):
    """log(1 + x), precise near 0. Returns a Tensor."""
    return Log1p.apply(x)


def log2(x):
    """Logarithm to base 2. Returns a Tensor."""
    return Log2.apply(x)


def log10(x):
    """Logarithm to base 10. Returns a Tensor."""
    return Log10.apply(x)


def sqrt(x):
    """The square root; its derivative at 0 is infinite. Returns a Tensor."""
    return Sqrt.apply(x)


def rsqrt(x):
    """1 / sqrt(x). Returns a Tensor."""
    return Rsqrt.apply(x)


def sigmoid(x):
    """1 / (1 + e^-x), without overflow for any x. Returns a Tensor."""
    return Sigmoid.apply(x)


def erf(x):
    """The error function, to 3 units in the last place (tinyft/ops/blocked/erf.py)."""
    return Erf.apply(x)
