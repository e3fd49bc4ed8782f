"""Convolution and pooling of images (see composed/__init__.py).

A tap (i, j) of the kernel sees, from all its places at once, a strided slice of the
image. So both are short sums (or maxima) over the taps:

    y[n,o,h,w] = b[o] + Σ_{c,i,j} x[n, c, s h + d i - p, s w + d j - p] w[o,c,i,j]
"""

import math

from tinyft.ops.array.choose import where
from tinyft.ops.array.compare import logical_or
from tinyft.ops.array.create import ones_like
from tinyft.ops.array.einsum import einsum
from tinyft.ops.array.join import concatenate, pad, stack
from tinyft.ops.array.shape import flip
from tinyft.ops.blocked.window import pair


def conv2d(x, weight, bias=None, stride=1, padding=0, groups=1, dilation=1):
    """The equation above, for each group of channels."""
    return _convolution(_padded(x, padding), weight, bias, stride, groups, dilation)


def conv1d(x, weight, bias=None, stride=1, padding=0, groups=1, dilation=1):
    """conv2d of images with one row."""
    x, weight = x[:, :, None], weight[:, :, None]
    y = conv2d(x, weight, bias, (1, stride), (0, padding), groups, (1, dilation))
    return y[:, :, 0]


def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transposed linear map: conv2d of x spread out, with the kernel turned round.

    Between the pixels of x stand s - 1 zeros, around them d (k - 1) - p.
    """
    C, O = weight.shape[:2]
    w = weight.reshape(groups, C // groups, O, *weight.shape[2:])
    w = flip(w.swapaxes(1, 2), (3, 4)).reshape(groups * O, C // groups, *w.shape[3:])
    for axis in (2, 3):
        taps, extra = weight.shape[axis], pair(output_padding)[axis - 2]
        s, p, d = (pair(n)[axis - 2] for n in (stride, padding, dilation))
        around = d * (taps - 1) - p
        x = _extended(_spread(x, axis, s), axis, around, around + extra)
    return _convolution(x, w, bias, 1, groups, dilation)


def max_pool2d(x, size, stride=None, padding=0):
    """The largest pixel of each window; at a tie, the first of them."""
    taps = _taps(
        _padded(x, padding, -math.inf), size, size if stride is None else stride
    )
    y = next(taps)[1]
    for _, tap in taps:
        y = where(logical_or(tap > y, tap != tap), tap, y)
    return y


def avg_pool2d(x, size, stride=None, padding=0, count_include_pad=True):
    """The mean of each window, over the padding too unless told otherwise."""
    stride = size if stride is None else stride
    total = sum(tap for _, tap in _taps(_padded(x, padding), size, stride))
    if count_include_pad:
        return total / math.prod(pair(size))
    inside = _padded(ones_like(x), padding)
    return total / sum(tap for _, tap in _taps(inside, size, stride))


def adaptive_avg_pool2d(x, size):
    """The mean of each of Ho x Wo parts; part a goes from ⌊a H/Ho⌋ to ⌈(a + 1) H/Ho⌉."""
    for axis, parts in zip((2, 3), pair(size)):
        n, before = x.shape[axis], (slice(None),) * axis
        parts = n if parts is None else parts
        ends = [(a * n // parts, -(-(a + 1) * n // parts)) for a in range(parts)]
        x = stack([x[(*before, slice(*e))].mean(axis) for e in ends], axis)
    return x


def _convolution(x, weight, bias, stride, groups, dilation):
    """Σ over the taps of the image seen from the tap, times the weight of the tap."""
    N, C, O = *x.shape[:2], weight.shape[0]
    w = weight.reshape(groups, O // groups, *weight.shape[1:])
    y = 0.0
    for (i, j), tap in _taps(x, weight.shape[2:], stride, dilation):
        tap = tap.reshape(N, groups, C // groups, *tap.shape[2:])
        y = y + einsum("ngchw,goc->ngohw", tap, w[..., i, j])
    y = y.reshape(N, O, *y.shape[3:])
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def _taps(x, size, stride, dilation=1):
    """Yield (i, j) and the pixels that tap (i, j) of a window sees, for all windows."""
    (kh, kw), (sh, sw), (dh, dw) = pair(size), pair(stride), pair(dilation)
    H, W = x.shape[2] - dh * (kh - 1), x.shape[3] - dw * (kw - 1)
    for i in range(kh):
        for j in range(kw):
            yield (i, j), x[:, :, dh * i : dh * i + H : sh, dw * j : dw * j + W : sw]


def _padded(x, padding, value=0.0):
    p, q = pair(padding)
    return pad(x, ((0, 0), (0, 0), (p, p), (q, q)), value) if p or q else x


def _spread(x, axis, step):
    """step - 1 zeros between the entries of an axis."""
    shape, n = list(x.shape), x.shape[axis]
    x = x.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :])
    x = concatenate([x, *[x * 0.0] * (step - 1)], axis + 1)
    shape[axis] = n * step
    return x.reshape(shape)[(slice(None),) * axis + (slice(0, n * step - step + 1),)]


def _extended(x, axis, before, after):
    """Zeros at both ends of an axis, or its ends cut off where a width is negative."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = max(before, 0), max(after, 0)
    y = pad(x, widths)
    end = y.shape[axis] + min(after, 0)
    return y[(slice(None),) * axis + (slice(max(-before, 0), end),)]
