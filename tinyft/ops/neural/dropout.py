"""Randomness inside a computation: dropout.

Inverted dropout (Srivastava et al. 2014): y = x m / (1 - p) with m ~ Bernoulli(1 - p),
so that E[y] = x and evaluation is the identity. The mask is drawn on the host from the
generator that is passed in: a CPU and a GPU run drop the same entries. It is kept as
booleans, a quarter of the memory of the values it masks.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor


class Dropout(Function):
    @staticmethod
    def forward(ctx, x, p, rng):
        x = backend.as_float(x)
        ctx.keep = bernoulli(rng, x.shape, 1 - p, x)
        ctx.scale = 1 / (1 - p) if p < 1 else 0.0
        y = x * ctx.keep
        y *= ctx.scale
        return y

    @staticmethod
    def backward(ctx, gy):
        gx = gy * ctx.keep
        gx *= ctx.scale
        return gx


def bernoulli(rng, shape, p, like):
    """Booleans, True with probability p, on the device of the array `like`."""
    return backend.uniform(rng, shape, backend.float32, like) < p


def check_probability(what, p, rng, draws=True):
    """Raise for a p outside [0, 1], or for a draw without a generator."""
    if not 0 <= p <= 1:
        raise ValueError(
            f"{what}: p is the probability of dropping an entry, 0 <= p <= 1, got {p}"
        )
    if draws and p and not hasattr(rng, "random"):
        raise ValueError(
            f"{what} with p={p} draws a mask and needs a generator, got "
            f"{type(rng).__name__}; pass rng=numpy.random.default_rng(seed)"
        )


def dropout(x, p=0.5, rng=None, training=True):
    """y = x m / (1 - p), m ~ Bernoulli(1 - p); x itself when not training or p = 0.

    x: any shape; p in [0, 1]; rng: a numpy Generator, advanced by one draw per entry.
    Raises ValueError for another p or a missing rng.
    """
    check_probability("dropout", p, rng, training)
    if not training or p == 0:
        return x if isinstance(x, Tensor) else Tensor(x)
    return Dropout.apply(x, p=p, rng=rng)
