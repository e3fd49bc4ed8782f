"""GELU, SiLU and the gradients of ReLU and clip, entry by entry.

    GELU "none"   y = x Phi(x),  y' = Phi(x) + x phi(x)                             (1)
    GELU "tanh"   y = x s(u),    y' = s + x u' s (1 - s),  u = c (x + 0.044715 x³),
                  c = 2 sqrt(2/pi), s the sigmoid: (1 + tanh(u/2))/2 = s(u)         (2)
    SiLU          y = x s(x),    y' = s + x s (1 - s)
    ReLU          gx = gy [y != 0], and of ReLU6 [y != 0 and y != 6]
    clip          gx = gy [not x < low and not x > high]

(1) has one exponential, e^(-x²/2), for both functions: Phi(-a) = e^(-a²/2) R(t) with
t = 1/(1 + 0.35 a) and R of degree 7 without constant term, fitted to 4e-8 absolutely and
7e-8 relatively near 0.
"""

import math

from tinyft.kernels.compiled.jit import (
    HALF,
    INF,
    ONE,
    ZERO,
    exp,
    f,
    inlined,
    kernel,
    sigmoid,
)
from tinyft.kernels.compiled.memory import NONE, alike, flat, results

P, PHI0 = f(0.35), f(1 / math.sqrt(2 * math.pi))
R1, R2, R3 = f(0.1397764507328475), f(0.13687136743042597), f(0.1431561170700135)
R4, R5, R6 = f(0.0089278436304565), f(0.21108152827388013), f(-0.18442859654803948)
R7 = f(0.04461532515229163)
C = 2 * math.sqrt(2 / math.pi)
C0, C1, C3 = f(C), f(0.044715 * C), f(3 * 0.044715 * C)
LARGE = f(150)  # of x²: from there s is 0 or 1, and 0 times infinity would be NaN


@inlined
def normal(x):
    """(Phi(x), e^(-x²/2))."""
    e = exp(-HALF * x * x)
    t = ONE / (ONE + P * abs(x))
    r = t * (R1 + t * (R2 + t * (R3 + t * (R4 + t * (R5 + t * (R6 + t * R7))))))
    return (ONE - e * r if x > ZERO else e * r), e


@kernel("void(f4[::1], f4[::1], f4[::1])")
def gelu_none(x, y, slope):
    if not slope.size:
        for i in range(x.size):
            y[i] = x[i] * normal(x[i])[0]
        return
    for i in range(x.size):
        p, e = normal(x[i])
        y[i] = x[i] * p
        slope[i] = p + x[i] * e * PHI0


@inlined
def bounded_square(x):
    s = x * x
    return LARGE if s > LARGE else s  # a comparison, which a NaN passes


@kernel("void(f4[::1], f4[::1], f4[::1])")
def gelu_tanh(x, y, slope):
    if not slope.size:
        for i in range(x.size):
            y[i] = x[i] * sigmoid(x[i] * (C0 + C1 * bounded_square(x[i])))
        return
    for i in range(x.size):
        s = bounded_square(x[i])
        p = sigmoid(x[i] * (C0 + C1 * s))
        y[i] = x[i] * p
        slope[i] = p + p * (ONE - p) * x[i] * (C0 + C3 * s)


@kernel("void(f4[::1], f4[::1])")
def silu_forward(x, y):
    for i in range(x.size):
        y[i] = x[i] * sigmoid(x[i])


@kernel("void(f4[::1], f4[::1], f4[::1])")
def silu_backward(x, gy, gx):
    for i in range(x.size):
        s = sigmoid(x[i])
        gx[i] = gy[i] * (s + x[i] * s * (ONE - s))


@kernel("void(f4[::1], f4[::1], f4, f4[::1])")
def relu_backward(y, gy, top, gx):
    for i in range(y.size):  # a product, since inf · 0 is NaN, as in NumPy
        gx[i] = gy[i] * (ONE if (y[i] != ZERO) & (y[i] != top) else ZERO)


@kernel("void(f4[::1], f4[::1], f4, f4, f4[::1])")
def clip_backward(x, gy, low, high, gx):
    for i in range(x.size):
        gx[i] = gy[i] * (ZERO if (x[i] < low) | (x[i] > high) else ONE)


def gelu(x, approximate, keep):
    """(y, slope); slope is None unless `keep`."""
    x, (y, *slope) = results(x, 2 if keep else 1)
    walk = gelu_none if approximate == "none" else gelu_tanh
    walk(flat(x), flat(y), flat(slope[0]) if keep else NONE)
    return y, slope[0] if keep else None


def silu(x):
    """x / (1 + e^-x)."""
    x, (y,) = results(x, 1)
    silu_forward(flat(x), flat(y))
    return y


def silu_gradient(x, gy):
    """The gradient of silu at x."""
    x, (gx,) = results(x, 1)
    silu_backward(flat(x), flat(alike(x, gy)), flat(gx))
    return gx


def relu_gradient(y, gy, top=None):
    """gy where y is neither 0 nor at the top, if there is one."""
    y, (gx,) = results(y, 1)
    top = math.nan if top is None else top  # no number equals NaN
    relu_backward(flat(y), flat(alike(y, gy)), top, flat(gx))
    return gx


def clip_gradient(x, gy, low, high):
    """gy where x lies within the numbers low and high; None is no bound."""
    x, (gx,) = results(x, 1)
    low, high = -INF if low is None else low, INF if high is None else high
    clip_backward(flat(x), flat(alike(x, gy)), low, high, flat(gx))
    return gx
