"""The affine map y = x W^T + b, and its three gradients.

    gx = gy W          gW = gy^T x          gb = sum of gy over the rows           (1)

Fuses the product and the bias, for memory: the bias is added in place (one array of the
output's size less), a frozen weight keeps no x, a constant x keeps no weight. In time
it equals its composed form, because the product dominates: the leading axes are folded
into one matrix product, and the gradient of the bias is the product 1^T gy. Source: (1)
is the chain rule; see any text on matrix derivatives.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.operands import cast


class Linear(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, weight, bias=None):
        _check_shapes(x, weight, bias)
        ctx.save(x if ctx.needs[1] else None, weight if ctx.needs[0] else None)
        ctx.dtypes = x.dtype, weight.dtype, weight.dtype if bias is None else bias.dtype
        x, weight = backend.match(x, weight)
        y = rows_of(x, weight.shape[1]) @ weight.T  # (rows, in) (in, out)
        if bias is not None:
            y = add_bias(y, bias)
        return y.reshape(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved
        g = rows_of(gy, gy.shape[-1])
        (need_x, need_w, need_b), (of_x, of_w, of_b) = ctx.needs, ctx.dtypes
        gx = gw = gb = None
        if need_x:
            gx = (g @ weight).reshape(*gy.shape[:-1], weight.shape[1])
        if need_w:
            gw = g.T @ rows_of(x, x.shape[-1])
        if need_b:
            gb = column_sum(g)
        return cast(gx, of_x), cast(gw, of_w), cast(gb, of_b)


def rows_of(x, width):
    """x (..., width) as a matrix; a view where the memory allows it."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), width)


def add_bias(y, bias):
    """y + bias, in place unless the bias has more precision."""
    if bias.dtype != y.dtype and backend.result_type(y, bias) != y.dtype:
        return y + bias
    y += bias
    return y


def column_sum(x):
    """Sum over the rows: for arrays 1^T x, which BLAS does 3x faster than a sum."""
    if not backend.is_array(x):
        return x.sum(axis=0)
    return backend.xp_of(x).ones(x.shape[0], x.dtype) @ x


def linear(x, weight, bias=None):
    """y = x W^T + b on the last axis. Returns a Tensor.

    x (..., in), weight (out, in), bias (out) or None; y (..., out). Raises ValueError
    when the shapes do not fit. As `torch.nn.functional.linear`.
    """
    return Linear.apply(x, weight, bias)


def _check_shapes(x, weight, bias):
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x has shape {x.shape} and weight {weight.shape}; expected "
            "x (..., in) and weight (out, in) with the same `in`: transpose the "
            "weight, or bring the features of x to its last axis"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias has shape {bias.shape}, weight {weight.shape}; expected "
            f"one entry for each output, ({weight.shape[0]},)"
        )
