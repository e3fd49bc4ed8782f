"""Depthwise convolution, one channel to one: tap by tap, in blocks that stay in the cache.

    Y[n,h,w,c] = sum_{i,j} X[n, s h + d i - p, s w + d j - p, c] W[i,j,c]           (1)

Each tap multiplies one shifted view of the images and adds to Y where the tap falls
inside, so nothing is padded; the gradients walk through the same views the other way:

    gX[view] += gY W[i,j]             gW[i,j] = sum over the view of X gY           (2)

There is no matrix in it: a product of one column a channel is what made a loop over the
channels 40 times slower. Rows of pixels are multiplied by a weight repeated to their
length, since NumPy's inner loops should be long. Howard et al. 2017 (MobileNets).
"""

from tinyft import backend
from tinyft.ops.blocked import blocks


def correlate(X, W, axes):
    """Equation (1): X (N, H, W, C), W (kh, kw, C), two Axis -> Y (N, Ho, Wo, C)."""
    xp, (h, w) = backend.xp_of(X), axes
    X, dtype = xp.ascontiguousarray(X), backend.result_type(X.dtype, W.dtype)
    Y = xp.zeros((len(X), h.out, w.out, W.shape[2]), dtype)
    wide, room = _wide(W, w.out), _room(Y)
    for n, rows in _blocks(Y):
        for i, j, seen, met in _views(X, axes, rows):
            x = X[n][seen]
            Y[n][met] += xp.multiply(x, _row(wide, i, j, x), out=_like(room, x))
    return Y


def weight_gradient(X, gY, axes):
    """gW (kh, kw, C) of (2)."""
    return _gradients(gY, None, X, axes)[1]


def input_gradient(gY, W, axes, size, X=None):
    """gX (N, H, W, C) of (2) for images of this size; with X also gW, else None."""
    return _gradients(gY, W, X, axes, size)


def _gradients(gY, W, X, axes, size=None):
    """gX where there is W, gW where there is X."""
    xp, gX, gW = backend.xp_of(gY), None, None
    gY, (h, w), C = xp.ascontiguousarray(gY), axes, gY.shape[3]
    if W is not None:
        shape = (len(gY), *size, C)
        gX, wide = (
            xp.zeros(shape, backend.result_type(gY.dtype, W.dtype)),
            _wide(W, w.out),
        )
    if X is not None:
        X, dtype = xp.ascontiguousarray(X), backend.result_type(gY.dtype, X.dtype)
        gW = xp.zeros((h.taps, w.taps, C), dtype)
    room = _room(gY, gX, gW)
    for n, rows in _blocks(gY):
        for i, j, seen, met in _views(gX if X is None else X, axes, rows):
            g = gY[n][met]
            product = _like(room, g)
            if W is not None:
                gX[n][seen] += xp.multiply(g, _row(wide, i, j, g), out=product)
            if X is not None:
                xp.multiply(X[n][seen], g, out=product)
                gW[i, j] += _pixel_sum(product)
    return gX, gW


def _views(X, axes, rows):
    """For each tap inside the images: (i, j, what it sees of X, outputs that it meets).

    rows: the output rows of a block; the indices are of (n, h, w).
    """
    for i in range(axes[0].taps):
        h = _meets(axes[0], i, X.shape[1], rows)
        for j in range(axes[1].taps):
            w = _meets(axes[1], j, X.shape[2], slice(0, axes[1].out))
            if h and w:
                yield i, j, (slice(None), h[0], w[0]), (slice(None), h[1], w[1])


def _meets(axis, tap, size, outputs):
    """(inputs, outputs) of one tap on one axis, as slices; None where it sees nothing.

    Output u sees position s u + b with b = d tap - p, which must lie in 0 .. size - 1.
    """
    s, b = axis.stride, axis.dilation * tap - axis.before
    first = max(outputs.start, -(b // s))
    last = min(outputs.stop, axis.out) - 1
    last = min(last, (size - 1 - b) // s)
    if first > last:
        return None
    return slice(s * first + b, s * last + b + 1, s), slice(first, last + 1)


def _blocks(Y):
    """(images, output rows) of each block, about blocks.ENTRIES numbers of Y."""
    N, H, W, C = Y.shape
    for n in blocks.slices(N, H * W * C, Y):
        for rows in blocks.slices(H, (n.stop - n.start) * W * C, Y):
            yield n, rows


def _room(*arrays):
    """Memory for one product of a block, in the widest dtype of the arrays."""
    first, *others = (a for a in arrays if a is not None)
    dtype = backend.result_type(first.dtype, *[a.dtype for a in others])
    largest = max(
        ((n.stop - n.start) * (r.stop - r.start) for n, r in _blocks(first)), default=0
    )
    width = first.shape[2] * first.shape[3]
    return backend.xp_of(first).empty(largest * width, dtype)


def _like(room, x):
    """The beginning of `room` in the shape of x."""
    return room[: x.size].reshape(x.shape)


def _wide(W, pixels):
    """W (kh, kw, C) with each row of channels repeated for that many pixels."""
    return backend.xp_of(W).tile(W, (1, 1, max(1, pixels)))


def _row(wide, i, j, x):
    """The weight of a tap for rows of pixels x (n, h, w, C)."""
    return wide[i, j, : x.shape[2] * x.shape[3]].reshape(x.shape[2:])


def _pixel_sum(product):
    """The sum over the pixels of a contiguous (n, h, w, C): 1^T of its rows, then of w."""
    n, h, w, C = product.shape
    rows = product.reshape(n * h, w * C)
    return (
        (backend.xp_of(rows).ones(n * h, rows.dtype) @ rows).reshape(w, C).sum(axis=0)
    )
