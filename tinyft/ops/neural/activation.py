"""Activations: the functions between the layers.

    relu      max(x, 0)                              1 where x > 0 (0 at 0, as PyTorch)
    relu6     min(max(x, 0), 6)                      1 where 0 < x < 6 (0 at both ends)
    leaky     x or slope x                           1 or slope
    elu       x or a (e^x - 1)                       1 or a e^x
    silu      x s(x), s = 1/(1 + e^-x)               s + x s (1 - s)
    softplus  log(1 + e^x)                           s(x)
    softmax   p = e^x / sum e^x                      p (g - <g, p>)

The right column is the derivative (for softmax, applied to a gradient g). Sources:
Krizhevsky 2010 (ReLU6); Elfwing et al. 2018 (SiLU); Clevert et al. 2016 (ELU).
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.axes import along


class ReLU(Function):
    scalars = False
    fused = ("compiled",)

    @staticmethod
    def forward(ctx, x, top=None):
        xp, ctx.top = backend.xp_of(x), top
        y = xp.maximum(x, 0) if top is None else xp.clip(x, 0, top)
        ctx.save(y)  # the next layer keeps it too, so it costs no memory
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved
        on = y != 0  # y is never negative, and NaN passes
        if ctx.top is not None:
            on = backend.xp_of(gy).logical_and(on, y != ctx.top)
        return gy * on


class LeakyReLU(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save(x)
        ctx.slope = slope
        return _leak(x, x, slope)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return _leak(x, gy, ctx.slope)


def _leak(x, g, slope):
    """g where x > 0, else slope g."""
    return backend.xp_of(g).where(x > 0, g, g * slope)


class ELU(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, alpha):
        xp = backend.xp_of(x)
        x = backend.as_float(x)
        ctx.save(x)
        ctx.alpha = alpha
        return xp.maximum(x, 0) + alpha * xp.expm1(xp.minimum(x, 0))

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        xp = backend.xp_of(x)
        return xp.where(x > 0, gy, gy * (ctx.alpha * xp.exp(xp.minimum(x, 0))))


def _sigmoid(x):
    """1/(1 + e^-x) without overflow: in place for arrays, recorded for Tensors."""
    s = backend.xp_of(x).tanh(x * 0.5)
    s *= 0.5
    s += 0.5
    return s


class SiLU(Function):
    fused = ("cuda", "compiled")
    carried = True

    @staticmethod
    def forward(ctx, x):
        x = backend.as_float(x)
        ctx.save(x)
        return _silu(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return _silu_gradient(x, gy)


def _silu(x):
    y = _sigmoid(x)
    y *= x
    return y


def _silu_gradient(x, gy):
    s = _sigmoid(x)
    gx = 1 - s
    gx *= x
    gx += 1
    gx *= s  # s + x s (1 - s)
    gx *= gy
    return gx


class Softplus(Function):
    carried = True

    @staticmethod
    def forward(ctx, x):
        x = backend.as_float(x)
        ctx.save(x)
        return _softplus(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        gx = _sigmoid(x)
        gx *= gy
        return gx


def _softplus(x):
    xp = backend.xp_of(x)
    y = xp.log1p(xp.exp(-xp.abs(x)))
    y += xp.maximum(x, 0)
    return y


class Softmax(Function):
    fused = ("cuda", "compiled")
    carried = True

    @staticmethod
    def forward(ctx, x, axis):
        xp, x, ctx.axis = backend.xp_of(x), backend.as_float(x), axis
        y = x - row_max(x, axis)
        xp.exp(y, out=y)
        y *= 1 / xp.maximum(_sum(y, axis), tiny(y))
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved
        gx = gy * y
        gx -= y * _sum(gx, ctx.axis)
        return gx


class LogSoftmax(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, axis):
        xp, x = backend.xp_of(x), backend.as_float(x)
        y = x - row_max(x, axis)
        y -= xp.log(xp.maximum(_sum(xp.exp(y), axis), tiny(y)))
        ctx.save(y)
        ctx.axis = axis
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved
        gx = backend.xp_of(y).exp(y)
        gx *= -_sum(gy, ctx.axis)
        gx += gy
        return gx


def _sum(x, axis):
    """Sum over one axis, kept. Over the last one as a product with ones: 5x faster."""
    if backend.is_array(x) and _last(x, axis):
        return x @ backend.xp_of(x).ones((x.shape[-1], 1), x.dtype)
    return x.sum(axis=axis, keepdims=True)


def _last(x, axis):
    return axis in (-1, x.ndim - 1)


def row_max(x, axis):
    """The largest entry, but finite: a row of -inf then gives exp(-inf) = 0."""
    xp = backend.xp_of(x)
    if not x.shape[axis]:  # nothing to choose from, and nothing that would need it
        return x.sum(axis=axis, keepdims=True)
    return xp.maximum(x.max(axis=axis, keepdims=True), xp.finfo(x.dtype).min)


def tiny(x):
    """The smallest normal number of x's dtype: a divisor instead of a zero sum."""
    return float(backend.host().finfo(x.dtype).tiny)


def relu(x):
    """max(x, 0), entry by entry. Returns a Tensor."""
    return ReLU.apply(x)


def relu6(x):
    """min(max(x, 0), 6), entry by entry. Returns a Tensor."""
    return ReLU.apply(x, top=6)


def leaky_relu(x, slope=0.01):
    """x where x > 0, else slope x. Returns a Tensor."""
    return LeakyReLU.apply(x, slope=slope)


def elu(x, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1). Returns a Tensor."""
    return ELU.apply(x, alpha=alpha)


def silu(x):
    """x / (1 + e^-x), the gate of SwiGLU. Returns a Tensor."""
    return SiLU.apply(x)


def softplus(x):
    """log(1 + e^x), without overflow. Returns a Tensor."""
    return Softplus.apply(x)


def logsigmoid(x):
    """log(1/(1 + e^-x)) = -softplus(-x), without overflow. Returns a Tensor."""
    return -softplus(-x)


def softmax(x, axis=-1):
    """e^x / sum of e^x along `axis`. A row of -inf gives zeros. Returns a Tensor."""
    return along("softmax", lambda x, axis: Softmax.apply(x, axis=axis), x, axis)


def log_softmax(x, axis=-1):
    """x - log(sum of e^x) along `axis`, without overflow. Returns a Tensor."""
    return along("log_softmax", lambda x, axis: LogSoftmax.apply(x, axis=axis), x, axis)
