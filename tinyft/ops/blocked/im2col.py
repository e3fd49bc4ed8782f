"""im2col: the windows of an image as the rows of a matrix.

    A[n, (h, w), (c, i, j)] = x[n, c, s h + i - p, s w + j - p]                    (1)

so that a convolution is one matrix product, y = A W^T with W (O, C kh kw). This is the
version to read, and the specification of conv2d in the tests; conv2d itself makes its
columns in blocks (correlate.py). The gradient of (1) adds each entry of gA back to the
pixel it was copied from ("col2im"). Source: Chellapilla, Puri and Simard 2006.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.window import axis_of, pairs_of


class Im2col(Function):
    carried = True

    @staticmethod
    def forward(ctx, x, size, stride, padding):
        ctx.options = {"size": size, "stride": stride, "padding": padding}
        ctx.shape = x.shape
        padded = _pad(x, padding)
        windows = backend.windows(padded, size, stride)  # (N, C, Ho, Wo, kh, kw)
        N, C, Ho, Wo, kh, kw = windows.shape
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(N, Ho * Wo, C * kh * kw)

    @staticmethod
    def backward(ctx, gy):
        if ctx.graph:
            return Col2im.apply(gy, shape=ctx.shape, **ctx.options)
        return col2im(gy, ctx.shape, **ctx.options)


class Col2im(Function):
    """The gradient of Im2col, and so Im2col is its gradient."""

    carried = True

    @staticmethod
    def forward(ctx, g, shape, **options):
        ctx.options = options
        return col2im(g, shape, **options)

    @staticmethod
    def backward(ctx, gx):
        if ctx.graph:
            return Im2col.apply(gx, **ctx.options)
        return Im2col.forward(ctx, gx, **ctx.options)


def col2im(g, shape, size, stride, padding):
    """Add columns g (N, Ho Wo, C kh kw) back to images of `shape`."""
    (N, C, H, W), (kh, kw), (sh, sw), (p, q) = shape, size, stride, padding
    Ho, Wo = (H + 2 * p - kh) // sh + 1, (W + 2 * q - kw) // sw + 1
    g = g.reshape(N, Ho, Wo, C, kh, kw).transpose(0, 3, 1, 2, 4, 5)
    padded = backend.xp_of(g).zeros((N, C, H + 2 * p, W + 2 * q), g.dtype)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + sh * Ho : sh, j : j + sw * Wo : sw] += g[..., i, j]
    return padded[:, :, p : p + H, q : q + W]


def _pad(x, padding):
    p, q = padding
    return backend.xp_of(x).pad(x, ((0, 0), (0, 0), (p, p), (q, q)))


def im2col(x, size, stride=1, padding=0):
    """Equation (1). Returns a Tensor (N, Ho Wo, C kh kw), columns in the order c, i, j.

    x (N, C, H, W); size, stride and padding are a number or a pair (height, width).
    Raises ValueError, with the shape, for what does not fit.
    """
    what = f"im2col: x has shape {x.shape}"
    if x.ndim != 4:
        raise ValueError(f"{what}; expected four axes (N, C, H, W)")
    size, stride, padding = pairs_of(what, size=size, stride=stride, padding=padding)
    for axis in zip(x.shape[2:], size, stride, padding):
        axis_of(what, *axis)
    return Im2col.apply(x, size=size, stride=stride, padding=padding)
