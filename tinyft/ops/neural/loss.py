"""Losses between two tensors of one shape, with d = x - y:

    mse      d²                                               gx = 2 d
    l1       |d|                                              gx = sign d
    huber    d²/2 if |d| <= h, else h (|d| - h/2), h = delta  gx = clip(d, -h, h)
    bce      w [(1 - y) x + (1 + (p - 1) y) log(1 + e^-x)]    x logits, p weighs y = 1
    kl       y (log y - x)                                    x log-probabilities

each reduced to its mean or sum, or left as it is. Sources: Huber 1964; the logistic
loss in the stable form of any text. KL(y ‖ e^x) is in nats, with 0 log 0 = 0.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.choose import where
from tinyft.ops.array.reduce import divided
from tinyft.ops.array.unary import exp, log
from tinyft.ops.neural.activation import softplus, tiny
from tinyft.ops.neural.reduction import (
    REDUCTIONS,
    check_reduction,
    check_same_shape,
    check_shares,
    reduced,
    share,
)
from tinyft.ops.operands import cast, wrapped


class MSE(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, y, reduction):
        x, y = _remember(ctx, x, y, reduction)
        ctx.save(x, y)
        d = x - y
        d *= d
        return reduced(d, reduction)

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        gx = (x - y) * (2 * share(gy, x.size, ctx.reduction))
        return _both(ctx, gx)


class L1(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, y, reduction):
        x, y = _remember(ctx, x, y, reduction)
        d = x - y
        ctx.sign = backend.xp_of(d).sign(d)
        return reduced(abs(d), reduction)

    @staticmethod
    def backward(ctx, gy):
        return _both(ctx, ctx.sign * share(gy, ctx.sign.size, ctx.reduction))


class Huber(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, y, delta, reduction):
        x, y = _remember(ctx, x, y, reduction)
        ctx.save(x, y)
        ctx.delta = delta
        d = x - y
        c = d.clip(-delta, delta)
        return reduced(c * (d - 0.5 * c), reduction)

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        gx = (x - y).clip(-ctx.delta, ctx.delta)
        return _both(ctx, gx * share(gy, x.size, ctx.reduction))


def _remember(ctx, x, y, reduction):
    """Keep what `_both` needs; return the two under the promotion rule."""
    ctx.reduction, ctx.dtypes = reduction, (x.dtype, y.dtype)
    return backend.match(x, y)


def _both(ctx, gx):
    """The gradients of x and of y, for a loss of x - y."""
    gradients = gx if ctx.needs[0] else None, -gx if ctx.needs[1] else None
    return tuple(cast(g, dtype) for g, dtype in zip(gradients, ctx.dtypes))


def mse_loss(x, y, reduction="mean"):
    """(x - y)², reduced. Shapes must be equal. Returns a Tensor."""
    x, y = _pair("mse_loss", x, y, reduction)
    return MSE.apply(x, y, reduction=reduction)


def l1_loss(x, y, reduction="mean"):
    """|x - y|, reduced; the derivative at 0 is 0. Returns a Tensor."""
    x, y = _pair("l1_loss", x, y, reduction)
    return L1.apply(x, y, reduction=reduction)


def huber_loss(x, y, delta=1.0, reduction="mean"):
    """d²/2 if |d| <= delta, else delta (|d| - delta/2), d = x - y. Returns a Tensor."""
    x, y = _pair("huber_loss", x, y, reduction)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is positive, got {delta}")
    return Huber.apply(x, y, delta=delta, reduction=reduction)


def smooth_l1_loss(x, y, beta=1.0, reduction="mean"):
    """huber_loss(x, y, delta=beta) / beta, PyTorch's other name for it."""
    if beta == 0:
        return l1_loss(x, y, reduction)
    return huber_loss(x, y, beta, reduction) * (1 / beta)


def bce_with_logits(logits, targets, weight=None, pos_weight=None, reduction="mean"):
    """-[p y log s(x) + (1 - y) log(1 - s(x))], s the sigmoid. Returns a Tensor.

    logits x and targets y of one shape, y in [0, 1] (else ValueError, on the CPU);
    `weight` multiplies each term and `pos_weight` p the terms of positive targets; both
    broadcast. Stable for any logit.
    """
    x, y = _pair("bce_with_logits", logits, targets, reduction)
    check_shares("bce_with_logits", y)
    if x.dtype == backend.float16:
        return _in_float32(bce_with_logits, x, y, weight, pos_weight, reduction)
    positive = 1.0 if pos_weight is None else (pos_weight - 1) * y + 1
    terms = (1 - y) * x + softplus(-x) * positive
    return reduced(terms if weight is None else terms * weight, reduction)


def kl_div(log_input, target, reduction="mean", log_target=False):
    """target (log target - log_input), PyTorch's argument order. Returns a Tensor.

    Both of one shape; log_input holds log-probabilities, target probabilities (or their
    logarithms with log_target=True). "batchmean" divides the sum by the first axis and
    is the KL divergence; "mean" divides by the number of entries.
    """
    check_reduction("kl_div", reduction, (*REDUCTIONS, "batchmean"))
    batch = reduction == "batchmean"
    x, y = _pair("kl_div", log_input, target, "sum" if batch else reduction)
    if x.dtype == backend.float16:
        return _in_float32(kl_div, x, y, reduction, log_target)
    if log_target:
        terms = exp(y) * (y - x)
    else:
        safe = where(abs(y) < tiny(y), 1.0, y)  # 0 log 0 = 0; 1/tiny is still finite
        terms = y * (log(safe) - x)
    if batch:
        return divided(terms.sum(), x.shape[0])
    return reduced(terms, reduction)


def _in_float32(loss, x, y, *options):
    """A loss of float16: its terms and their sum in float32, rounded once."""
    y = y.astype(backend.float32)
    return loss(x.astype(backend.float32), y, *options).astype(backend.float16)


def _pair(what, x, y, reduction):
    """Both as Tensors of floats, of one shape; a known reduction."""
    check_reduction(what, reduction)
    x, y = wrapped(x, y)
    check_same_shape(what, x, y)
    x = x if x.dtype.kind in "fc" else x.astype(backend.float32)
    return x, y if y.dtype.kind in "fc" else y.astype(x.dtype)
