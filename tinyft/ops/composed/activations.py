"""Activations and softmax, from primitive operations (see composed/__init__.py)."""

import math

from tinyft.ops.array.choose import maximum, where
from tinyft.ops.array.compare import isfinite
from tinyft.ops.array.join import detach
from tinyft.ops.array.reduce import max
from tinyft.ops.array.trig import tanh
from tinyft.ops.array.unary import erf, exp, expm1, log, sigmoid
from tinyft.ops.operands import wrap


def relu(x):
    """max(x, 0), with slope 0 at 0."""
    return where(x <= 0, 0.0, x)


def relu6(x):
    """min(max(x, 0), 6), with slope 0 at both ends."""
    return where(x <= 0, 0.0, where(x >= 6, 6.0, x))


def leaky_relu(x, slope=0.01):
    """x where x > 0, else slope x."""
    return where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    """x where x > 0, else α (e^x - 1)."""
    negative = where(x > 0, 0.0, x)  # no exponential of what is not chosen
    return where(x > 0, x, alpha * expm1(negative))


def silu(x):
    """x σ(x), with σ(x) = 1 / (1 + e^-x)."""
    return x * sigmoid(x)


def softplus(x):
    """log(1 + e^x) = x + log(1 + e^-x), the log-sum-exp of x and 0."""
    top = detach(maximum(x, 0.0))  # no exponent is positive
    return top + log(exp(x - top) + exp(-top))


def logsigmoid(x):
    """log σ(x) = -log(1 + e^-x)."""
    return -softplus(-x)


def gelu(x, approximate="none"):
    """x Φ(x), with Φ(x) = (1 + erf(x/√2))/2 or its approximation by tanh."""
    if approximate == "none":
        return x * (1 + erf(x * math.sqrt(0.5))) * 0.5
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return x * (1 + tanh(u)) * 0.5


def logsumexp(x, axis=None, keepdims=False):
    """log Σ e^x = t + log Σ e^(x - t), for any t: the largest x lets nothing overflow.

    A row of -inf, where nothing may be looked at, gives -inf with gradient 0.
    """
    total, top = _sum_of_exponentials(x, axis)
    y = where(total == 0, -math.inf, top + log(where(total == 0, 1.0, total)))
    return y if keepdims else y.squeeze(axis)


def softmax(x, axis=-1):
    """p_i = e^x_i / Σ_j e^x_j. A row of -inf gives zeros."""
    total, top = _sum_of_exponentials(x, axis)
    return exp(x - top) / where(total == 0, 1.0, total)


def log_softmax(x, axis=-1):
    """log p_i = x_i - log Σ_j e^x_j."""
    total, top = _sum_of_exponentials(x, axis)
    return x - top - log(where(total == 0, 1.0, total))


def _sum_of_exponentials(x, axis):
    """Σ e^(x - t) along `axis`, kept as an axis of size 1, and t = max x, a constant."""
    x = wrap(x)
    top = detach(max(x, axis, keepdims=True))
    top = where(isfinite(top), top, 0.0)
    return exp(x - top).sum(axis, keepdims=True), top
