"""Depthwise convolution, one channel to one, pixel by pixel.

    Y[n,h,w,c] = sum_{i,j} X[n, s h + d i - p, s w + d j - p, c] W[i,j,c]           (1)
    gX and gW: the same walk, which adds gY W to gX and gY X to gW                  (2)

Channels are innermost. Images are padded once, so that the nine products of a 3 x 3
window are one expression; other windows add tap by tap. The names and arguments are
those of ops/blocked/depthwise.py.
"""

from tinyft.backend import HOST, float32
from tinyft.kernels.compiled.jit import ZERO, kernel
from tinyft.kernels.compiled.memory import solid

IMAGES, TAPS = "f4[:,:,:,::1]", "f4[:,:,::1]"


@kernel(f"void({IMAGES}, {TAPS}, i8, i8, i8, i8, {IMAGES})")
def nine(X, W, s, d, t, e, Y):
    """(1) of 3 x 3 taps; strides s and t, dilations d and e of the two axes."""
    w0, w1, w2, w3, w4 = W[0, 0], W[0, 1], W[0, 2], W[1, 0], W[1, 1]
    w5, w6, w7, w8 = W[1, 2], W[2, 0], W[2, 1], W[2, 2]
    for n in range(Y.shape[0]):
        for h in range(Y.shape[1]):
            a, b, c = X[n, s * h], X[n, s * h + d], X[n, s * h + 2 * d]
            for w in range(Y.shape[2]):
                y, u, v, z = Y[n, h, w], t * w, t * w + e, t * w + 2 * e
                x0, x1, x2, x3, x4 = a[u], a[v], a[z], b[u], b[v]
                x5, x6, x7, x8 = b[z], c[u], c[v], c[z]
                for k in range(y.size):
                    y[k] = (
                        x0[k] * w0[k]
                        + x1[k] * w1[k]
                        + x2[k] * w2[k]
                        + x3[k] * w3[k]
                        + x4[k] * w4[k]
                        + x5[k] * w5[k]
                        + x6[k] * w6[k]
                        + x7[k] * w7[k]
                        + x8[k] * w8[k]
                    )


@kernel(f"void({IMAGES}, {TAPS}, i8, i8, i8, i8, {IMAGES})")
def any_taps(X, W, s, d, t, e, Y):
    """(1) of any window."""
    for n in range(Y.shape[0]):
        for h in range(Y.shape[1]):
            for w in range(Y.shape[2]):
                y = Y[n, h, w]
                y[:] = ZERO
                for i in range(W.shape[0]):
                    for j in range(W.shape[1]):
                        x, taps = X[n, s * h + d * i, t * w + e * j], W[i, j]
                        for k in range(y.size):
                            y[k] += x[k] * taps[k]


@kernel(f"void({IMAGES}, {TAPS}, i8, i8, i8, i8, {IMAGES})")
def to_images(G, W, s, d, t, e, GX):
    """gX of (2) into padded zeros."""
    for n in range(G.shape[0]):
        for h in range(G.shape[1]):
            for w in range(G.shape[2]):
                g = G[n, h, w]
                for i in range(W.shape[0]):
                    for j in range(W.shape[1]):
                        gx, taps = GX[n, s * h + d * i, t * w + e * j], W[i, j]
                        for k in range(g.size):
                            gx[k] += g[k] * taps[k]


@kernel(f"void({IMAGES}, {IMAGES}, i8, i8, i8, i8, {TAPS}, {TAPS})")
def to_weight(G, X, s, d, t, e, row, GW):
    """gW of (2); each row of outputs is summed apart, so that rounding stays small."""
    for n in range(G.shape[0]):
        for h in range(G.shape[1]):
            row[:] = ZERO
            for w in range(G.shape[2]):
                g = G[n, h, w]
                for i in range(GW.shape[0]):
                    for j in range(GW.shape[1]):
                        x, gw = X[n, s * h + d * i, t * w + e * j], row[i, j]
                        for k in range(g.size):
                            gw[k] += g[k] * x[k]
            for i in range(GW.shape[0]):
                for j in range(GW.shape[1]):
                    some, gw = row[i, j], GW[i, j]
                    for k in range(gw.size):
                        gw[k] += some[k]


def correlate(X, W, axes):
    """(1): X (N, H, W, C), W (kh, kw, C), two Axis -> Y (N, Ho, Wo, C)."""
    W, (h, w) = solid(W), axes
    Y = HOST.empty((len(X), h.out, w.out, W.shape[2]), float32)
    walk = nine if W.shape[:2] == (3, 3) else any_taps
    walk(padded(X, axes), W, *steps(axes), Y)
    return Y


def weight_gradient(X, gY, axes):
    """gW (kh, kw, C) of (2)."""
    shape = axes[0].taps, axes[1].taps, gY.shape[3]
    gW, row = HOST.zeros(shape, float32), HOST.empty(shape, float32)
    to_weight(solid(gY), padded(X, axes), *steps(axes), row, gW)
    return gW


def input_gradient(gY, W, axes, size, X=None):
    """gX (N, H, W, C) of (2) for images of this size; with X also gW, else None.

    At stride 1, gX is (1) again: of gY with the taps turned round.
    """
    gY, back = solid(gY), [turned(axis, n) for axis, n in zip(axes, size)]
    if W.shape[:2] == (3, 3) and all(a.stride == 1 and a.before >= 0 for a in back):
        gX = correlate(gY, W[::-1, ::-1], back)
    else:
        gX = _spread(gY, solid(W), axes, size)
    return gX, None if X is None else weight_gradient(X, gY, axes)


def turned(axis, n):
    """The axis of the gradient's way back to n pixels, at stride 1."""
    reach = axis.dilation * (axis.taps - 1)
    return axis._replace(before=reach - axis.before, out=n)


def _spread(gY, W, axes, size):
    shape = len(gY), *size, gY.shape[3]
    GX = HOST.zeros((shape[0], *map(length, axes), shape[3]), float32)
    to_images(gY, W, *steps(axes), GX)
    gX, (here, there) = HOST.zeros(shape, float32), insides(size, axes)
    gX[here] = GX[there]
    return gX


def length(axis):
    """The pixels from the first to the last that a window sees, padding included."""
    return axis.stride * (axis.out - 1) + axis.dilation * (axis.taps - 1) + 1


def insides(size, axes):
    """Where the pixels that are seen lie in the images, and in the padded ones."""
    here, there = [slice(None)], [slice(None)]
    for n, axis in zip(size, axes):
        seen = min(n, length(axis) - axis.before)
        here.append(slice(0, seen))
        there.append(slice(axis.before, axis.before + seen))
    return tuple(here), tuple(there)


def padded(X, axes):
    """X with its zeros around it, as far as windows see."""
    P = HOST.zeros((len(X), *map(length, axes), X.shape[3]), float32)
    here, there = insides(X.shape[1:3], axes)
    P[there] = X[here]
    return P


def steps(axes):
    """(stride, dilation) of the first axis, then of the second."""
    h, w = axes
    return h.stride, h.dilation, w.stride, w.dilation
