"""Circular and hyperbolic functions, entry by entry, with their derivatives.

sin' = cos                 cos' = -sin                  tan' = 1 + tan²
sinh' = cosh               cosh' = sinh                 tanh' = 1 - tanh²
arcsin' = 1/√(1 - x²)      arccos' = -1/√(1 - x²)       arctan' = 1/(1 + x²)
"""

from tinyft.ops.array.unary import Unary


class Sin(Unary):
    @staticmethod
    def value(xp, x):
        return xp.sin(x)

    @staticmethod
    def slope(xp, x, y):
        return xp.cos(x)


class Cos(Unary):
    @staticmethod
    def value(xp, x):
        return xp.cos(x)

    @staticmethod
    def slope(xp, x, y):
        return -xp.sin(x)


class Tan(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return xp.tan(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 + y * y


class Arcsin(Unary):
    @staticmethod
    def value(xp, x):
        return xp.arcsin(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / xp.sqrt((1 - x) * (1 + x))


class Arccos(Unary):
    @staticmethod
    def value(xp, x):
        return xp.arccos(x)

    @staticmethod
    def slope(xp, x, y):
        return -1 / xp.sqrt((1 - x) * (1 + x))


class Arctan(Unary):
    @staticmethod
    def value(xp, x):
        return xp.arctan(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 / (1 + x * x)


class Sinh(Unary):
    @staticmethod
    def value(xp, x):
        return xp.sinh(x)

    @staticmethod
    def slope(xp, x, y):
        return xp.cosh(x)


class Cosh(Unary):
    @staticmethod
    def value(xp, x):
        return xp.cosh(x)

    @staticmethod
    def slope(xp, x, y):
        return xp.sinh(x)


class Tanh(Unary):
    keeps = "y"

    @staticmethod
    def value(xp, x):
        return xp.tanh(x)

    @staticmethod
    def slope(xp, x, y):
        return 1 - y * y


def sin(x):
    """Sine of an angle in radians. Returns a Tensor."""
    return Sin.apply(x)


def cos(x):
    """Cosine of an angle in radians. Returns a Tensor."""
    return Cos.apply(x)


def tan(x):
    """Tangent of an angle in radians. Returns a Tensor."""
    return Tan.apply(x)


def arcsin(x):
    """The angle in [-π/2, π/2] whose sine is x. Returns a Tensor."""
    return Arcsin.apply(x)


def arccos(x):
    """The angle in [0, π] whose cosine is x. Returns a Tensor."""
    return Arccos.apply(x)


def arctan(x):
    """The angle in (-π/2, π/2) whose tangent is x. Returns a Tensor."""
    return Arctan.apply(x)


def sinh(x):
    """(e^x - e^-x) / 2. Returns a Tensor."""
    return Sinh.apply(x)


def cosh(x):
    """(e^x + e^-x) / 2. Returns a Tensor."""
    return Cosh.apply(x)


def tanh(x):
    """The hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x). Returns a Tensor."""
    return Tanh.apply(x)
