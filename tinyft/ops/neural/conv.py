"""Convolution of images, as neural networks mean it: cross-correlation.

    y[n,o,h,w] = b[o] + sum_{c,i,j} x[n, c, s h + d i - p, s w + d j - p] w[o,c,i,j] (1)

x is zero outside the image. <u, y> is linear in u, x and w, so each of y, gx and gw
is one of three operations, and the derivative of each is made of the other two:

    y = conv(x, w)      gx = input_gradient(gy, w)      gw = weight_gradient(x, gy)

That gives derivatives of every order. `conv_transpose2d` is input_gradient's public
name. Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep
learning". The arithmetic, with what is fused and what it gained, is in correlate.py
and, where each channel has a group of its own, in depthwise.py.

Images are N x C x H x W; results lie in channels-last memory (channels.py).
"""

from typing import NamedTuple

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked import correlate, depthwise
from tinyft.ops.blocked.channels import add_row, as_rows, column_sums, from_rows
from tinyft.ops.blocked.window import axis_of, check_groups, check_shapes, pairs_of
from tinyft.ops.operands import cast, wrapped


class Plan(NamedTuple):
    """What the three operations share: shapes of x and w, the two axes, the groups, and
    the module whose arithmetic they use (None: as the groups have it)."""

    x: tuple
    w: tuple
    axes: tuple
    groups: int
    arithmetic: object = None


class Conv2d(Function):
    fused = ("compiled",)
    carried = True

    @staticmethod
    def forward(ctx, x, w, b=None, plan=None):
        ctx.save(x if ctx.needs[1] else None, w if ctx.needs[0] else None)
        ctx.plan, ctx.dtypes = plan, (x.dtype, w.dtype)
        return convolve(x, w, plan, b)

    @staticmethod
    def backward(ctx, gy):
        x, w = ctx.saved
        need_x, need_w, need_b = (*ctx.needs, False)[:3]
        if need_x and need_w and not ctx.graph:
            gx, gw = both_gradients(gy, x, w, ctx.plan)
        else:
            gx = _run(ctx, InputGradient, gy, w) if need_x else None
            gw = _run(ctx, WeightGradient, x, gy) if need_w else None
        gb = _bias_gradient(ctx, gy) if need_b else None
        return cast(gx, ctx.dtypes[0]), cast(gw, ctx.dtypes[1]), gb


class InputGradient(Function):
    carried = True

    @staticmethod
    def forward(ctx, gy, w, plan):
        ctx.save(gy if ctx.needs[1] else None, w if ctx.needs[0] else None)
        ctx.plan, ctx.dtypes = plan, (gy.dtype, w.dtype)
        return input_gradient(gy, w, plan)

    @staticmethod
    def backward(ctx, ggx):
        gy, w = ctx.saved
        to_gy = _run(ctx, Conv2d, ggx, w) if ctx.needs[0] else None
        to_w = _run(ctx, WeightGradient, ggx, gy) if ctx.needs[1] else None
        return cast(to_gy, ctx.dtypes[0]), cast(to_w, ctx.dtypes[1])


class WeightGradient(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, gy, plan):
        ctx.save(x if ctx.needs[1] else None, gy if ctx.needs[0] else None)
        ctx.plan, ctx.dtypes = plan, (x.dtype, gy.dtype)
        return weight_gradient(x, gy, plan)

    @staticmethod
    def backward(ctx, ggw):
        x, gy = ctx.saved
        to_x = _run(ctx, InputGradient, gy, ggw) if ctx.needs[0] else None
        to_gy = _run(ctx, Conv2d, x, ggw) if ctx.needs[1] else None
        return cast(to_x, ctx.dtypes[0]), cast(to_gy, ctx.dtypes[1])


def _bias_gradient(ctx, gy):
    return gy.sum(axis=(0, 2, 3)) if ctx.graph else column_sums(as_rows(gy))


# --- the three operations on arrays, N x C x H x W ----------------------------------


def convolve(x, w, plan, b=None):
    """y of (1) on arrays."""
    x, w = backend.match(x, w)
    y = _arithmetic(plan).correlate(_last(x), _taps(w, plan), plan.axes)
    y = y.transpose(0, 3, 1, 2)
    return y if b is None else _add_bias(y, b)


def input_gradient(gy, w, plan):
    """gx of (1) on arrays."""
    return _both(gy, None, w, plan)[0]


def both_gradients(gy, x, w, plan):
    """gx and gw of (1) on arrays, from one walk through gy."""
    return _both(gy, backend.match(x, w)[0], w, plan)


def _both(gy, x, w, plan):
    X = None if x is None else _last(x)
    arguments = (_last(gy), _taps(w, plan), plan.axes, plan.x[2:], X)
    gx, gw = _arithmetic(plan).input_gradient(*arguments)
    return gx.transpose(0, 3, 1, 2), None if x is None else _weight(gw, plan)


def weight_gradient(x, gy, plan):
    """gw of (1) on arrays."""
    x = backend.match(x, gy)[0]
    groups = () if is_depthwise(plan) else (plan.groups,)
    g = _arithmetic(plan).weight_gradient(_last(x), _last(gy), plan.axes, *groups)
    return _weight(g, plan)


Conv2d.arrays, InputGradient.arrays = convolve, input_gradient
WeightGradient.arrays = weight_gradient


def _run(ctx, function, *values):
    """One of the three inside a backward: on arrays, or recorded for a second order."""
    if ctx.graph:
        return function.apply(*values, plan=ctx.plan)
    return function.arrays(*values, ctx.plan)


def is_depthwise(plan):
    """Does each channel have a group, and one output, of its own?"""
    return plan.groups > 1 and plan.groups == plan.x[1] == plan.w[0]


def _arithmetic(plan):
    return plan.arithmetic or (depthwise if is_depthwise(plan) else correlate)


def _last(x):
    return x.transpose(0, 2, 3, 1)  # (N, H, W, C): a view


def _taps(w, plan):
    """(G, kh, kw, C/G, O/G), or (kh, kw, C) for depthwise: a view."""
    if is_depthwise(plan):
        return w[:, 0].transpose(1, 2, 0)
    O = w.shape[0] // plan.groups
    return w.reshape(plan.groups, O, *w.shape[1:]).transpose(0, 3, 4, 2, 1)


def _weight(g, plan):
    """A gradient in the layout of _taps as a weight (O, C/G, kh, kw)."""
    order = (2, 0, 1) if is_depthwise(plan) else (0, 4, 3, 1, 2)
    return backend.xp_of(g).ascontiguousarray(g.transpose(order)).reshape(plan.w)


def _add_bias(y, b):
    rows = as_rows(y)  # the memory of y itself, which is channels-last
    return from_rows(add_row(rows, b), y.shape)


# --- the public faces ---------------------------------------------------------------


def conv2d(x, weight, bias=None, stride=1, padding=0, groups=1, dilation=1):
    """Equation (1) at the head of this file. Returns a Tensor (N, O, Ho, Wo).

    x (N, C, H, W), weight (O, C/groups, kh, kw), bias (O) or None; stride, padding and
    dilation are a number or a pair (height, width); Ho = (H + 2p - d (k-1) - 1)//s + 1.
    Raises ValueError, with the shapes, for what does not fit.
    """
    x, weight, bias = wrapped(x, weight, bias)
    what = f"conv2d: x has shape {x.shape}, weight {weight.shape}"
    check_shapes(what, x, weight, bias, groups)
    pairs = pairs_of(what, stride=stride, padding=padding, dilation=dilation)
    sizes = zip(x.shape[2:], weight.shape[2:], *pairs)
    axes = tuple(axis_of(what, *size) for size in sizes)
    return Conv2d.apply(x, weight, bias, plan=Plan(x.shape, weight.shape, axes, groups))


def conv1d(x, weight, bias=None, stride=1, padding=0, groups=1, dilation=1):
    """conv2d on one axis: x (N, C, L), weight (O, C/groups, k). Returns (N, O, Lo)."""
    x, weight = wrapped(x, weight)
    if x.ndim != 3 or weight.ndim != 3:
        raise ValueError(
            f"conv1d: x has shape {x.shape}, weight {weight.shape}; expected three "
            "axes each, (N, C, L) and (O, C/groups, k)"
        )
    image, taps = (a.reshape(*a.shape[:2], 1, a.shape[2]) for a in (x, weight))
    y = conv2d(image, taps, bias, (1, stride), (0, padding), groups, (1, dilation))
    return y.reshape(*y.shape[:2], y.shape[3])


def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv2d as a linear map. Returns (N, O, Ho, Wo).

    x (N, C, H, W), weight (C, O/groups, kh, kw): the layout conv2d uses for the way
    back. Ho = (H - 1) s - 2p + d (k-1) + 1 + output_padding. Raises ValueError.
    """
    x, weight, bias = wrapped(x, weight, bias)
    what = f"conv_transpose2d: x has shape {x.shape}, weight {weight.shape}"
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[0]:
        raise ValueError(f"{what}; expected (N, C, H, W) and (C, O/groups, kh, kw)")
    names = {"stride": stride, "padding": padding, "dilation": dilation}
    pairs = pairs_of(what, **names, output_padding=output_padding)
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + extra
        for n, k, s, p, d, extra in zip(x.shape[2:], weight.shape[2:], *pairs)
    ]
    if min(sizes) < 1:
        raise ValueError(f"{what}; padding {padding} leaves {sizes} pixels")
    image = (x.shape[0], weight.shape[1] * groups, *sizes)
    check_groups(what, groups, x.shape[1])
    stride, padding, dilation, extra = pairs
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise ValueError(
            f"{what}; output_padding {output_padding} must be below the stride "
            f"{stride} or the dilation {dilation}"
        )
    axes = zip(sizes, weight.shape[2:], stride, padding, dilation)
    axes = tuple(axis_of(what, *a)._replace(out=n) for a, n in zip(axes, x.shape[2:]))
    y = InputGradient.apply(x, weight, plan=Plan(image, weight.shape, axes, groups))
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)
