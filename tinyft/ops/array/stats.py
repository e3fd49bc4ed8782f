"""Variance, standard deviation, norm and log-sum-exp along axes.

    var      gx = gy · 2 (x - mean) / (n - ddof)          (the mean's part sums to 0)
    std      gx = gy · (x - mean) / ((n - ddof) std)      and 0 where std = 0
    norm     gx = gy · x / norm                           and 0 where norm = 0
    log-sum-exp(x) = log Σ e^(x_i - top) + top            gx = gy · e^(x - y), a softmax

The log-sum-exp of a row of -inf is -inf, with gradient 0: a row where nothing may be
looked at. As in NumPy, ddof = 0 is the biased variance; PyTorch's default is ddof = 1.
"""

from tinyft import backend
from tinyft.ops.array.reduce import Reduction, divided, total


class Var(Reduction):
    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        ctx.count = ctx.n - ddof
        ctx.save(x)
        d = _centred(ctx, x)
        return divided(total(d * d, **options), ctx.count)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return _centred(ctx, x) * divided(gy * 2, ctx.count).reshape(ctx.kept)


class Std(Reduction):
    @staticmethod
    def forward(ctx, x, axis, ddof, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        ctx.count = ctx.n - ddof
        d = _centred(ctx, x)
        y = backend.xp_of(x).sqrt(divided(total(d * d, **options), ctx.count))
        y = backend.as_array(y)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        safe = backend.xp_of(gy).where(y == 0, 1.0, y)  # there x - mean is 0 as well
        return _centred(ctx, x) * divided(gy / safe, ctx.count).reshape(ctx.kept)


def _centred(ctx, x):
    """x minus its mean along the axes; for arrays and Tensors."""
    return x - divided(x.sum(axis=ctx.axes, keepdims=True), ctx.n)


class Norm(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        options = Reduction.remember(ctx, x, axis, keepdims)
        y = backend.as_array(backend.xp_of(x).sqrt(total(x * x, **options)))
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        safe = backend.xp_of(gy).where(y == 0, 1.0, y)
        return x * (gy / safe).reshape(ctx.kept)


class LogSumExp(Reduction):
    @staticmethod
    def forward(ctx, x, axis, keepdims):
        x = backend.as_float(x)
        Reduction.remember(ctx, x, axis, keepdims)
        xp = backend.xp_of(x)
        top = xp.zeros(ctx.kept, x.dtype)
        if ctx.n:
            top = x.max(axis=ctx.axes, keepdims=True)
            top = xp.where(xp.isfinite(top), top, 0.0)  # inf - inf must not happen
        with backend.errstate(x, divide="ignore"):  # log 0 = -inf is the right answer
            y = xp.log(total(xp.exp(x - top), ctx.axes, True)) + top
        y = y if keepdims else y.squeeze(ctx.axes)
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, y = ctx.saved
        xp, y = backend.xp_of(gy), y.reshape(ctx.kept)
        return gy.reshape(ctx.kept) * xp.exp(x - xp.where(xp.isfinite(y), y, 0.0))


def var(x, axis=None, ddof=0, keepdims=False):
    """Σ (x - mean)² / (n - ddof) along `axis`; NaN if n <= ddof. Returns a Tensor."""
    return Var.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def std(x, axis=None, ddof=0, keepdims=False):
    """The square root of `var`; its gradient is 0 where all entries are equal."""
    return Std.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def norm(x, axis=None, keepdims=False):
    """The 2-norm √(Σ x²) along `axis` (of all entries by default); gradient 0 at 0."""
    return Norm.apply(x, axis=axis, keepdims=keepdims)


def logsumexp(x, axis=None, keepdims=False):
    """log Σ e^x along `axis`, without overflow; -inf for a row of -inf, gradient 0."""
    return LogSumExp.apply(x, axis=axis, keepdims=keepdims)
