"""A function for each kernel of fused.cu.

They take and return device arrays of one dtype and never wait for the device.
"""

from tinyft import backend
from tinyft.kernels.launch import columns, each, rows

PARTS = 64  # into which column sums cut the rows at most, and rows of a part at least


def gelu(x, approximate, keep):
    """(y, slope); slope is None unless `keep`."""
    x, y = _solid(x), _empty(x)
    slope = _empty(x) if keep else None
    each(f"gelu_{approximate}", x.size, x, x, y, slope, x.size)
    return y, slope


def silu(x):
    """x / (1 + e^-x)."""
    x, y = _solid(x), _empty(x)
    each("silu", x.size, x, x, y, x.size)
    return y


def silu_gradient(x, gy):
    """The gradient of silu at x."""
    gx = _empty(x)
    each("silu_gradient", x.size, x, _solid(x), _solid(gy, x), gx, x.size)
    return gx


def softmax(x):
    """e^x / sum of e^x over the last axis."""
    x, y, n = _solid(x), _empty(x), x.shape[-1]
    rows("softmax", x, x, y, None, n, 1, n)
    return y


def softmax_gradient(y, gy):
    """y (gy - <gy, y>) over the last axis."""
    gx = _empty(y)
    rows("softmax_gradient", y, _solid(y), _solid(gy, y), gx, y.shape[-1])
    return gx


def attention_weights(S, L, causal):
    """softmax(S) in place, log sum e^S to L (..., T, 1); `causal`: see seen_by."""
    rows("softmax", S, S, S, L, *_sight(S, causal))


def attention_weights_again(S, L, causal):
    """e^(S - L) in place."""
    rows("softmax_again", S, S, L, S, *_sight(S, causal))


def _sight(S, causal):
    """(keys, queries, shift): under `causal` query i sees keys 0..i + shift, else all."""
    T, n = S.shape[-2:]
    return n, T, n - T if causal else n


def cross_entropy(X, y, ignore_index, smoothing, mean, keep):
    """(losses, their gradient or None) of class indices y (N); X (N, C)."""
    X, y, (N, C) = _solid(X), _solid(y.astype(backend.int64, copy=False)), X.shape
    losses, G = _empty(X, (N,)), _empty(X) if keep else None
    count = (y != ignore_index).sum() if mean else None
    numbers = C, int(ignore_index), float(smoothing)
    rows("cross_entropy", X, X, y, count, losses, G, *numbers)
    return losses, G


def normalise_rows(X, weight, bias, eps, centred, keep):
    """(y, xh or None, 1/s of each row (N, 1)) of layer norm, or of RMS norm."""
    X, weight, bias = _solid(X), _solid(weight), _solid(bias)
    Y, scale = _empty(X), _empty(X, (len(X), 1))
    XH = _empty(X) if keep else None
    numbers = X.shape[1], float(eps), int(centred)
    rows("normalise_rows", X, X, weight, bias, XH, Y, scale, *numbers)
    return Y, XH, scale


def normalise_rows_gradient(G, XH, weight, scale, centred):
    """gx of layer norm, or of RMS norm."""
    G, GX = _solid(G, XH), _empty(XH)
    arrays = G, XH, _solid(weight), scale, GX
    rows("normalise_rows_gradient", G, *arrays, G.shape[1], int(centred))
    return GX


def column_sums(G, X, mean=None, scale=None):
    """The sums of g and of g xh over the rows, xh = (x - mean) scale, or x."""
    parts, (N, C), G = _parts(X), X.shape, _solid(G, X)
    shape = (C,) if parts == 1 else (parts, C)
    plain, times = _empty(X, shape), _empty(X, shape)
    arrays = G, _solid(X), mean, scale, plain, times
    columns("column_sums", G, parts, *arrays, N, C)
    if parts == 1:
        return plain, times
    return plain.sum(axis=0), times.sum(axis=0)


def batch_statistics(X, running, momentum, eps):
    """(mean, 1/s) of each column of X (rows, C); moves the running statistics."""
    parts, (N, C) = _parts(X), X.shape
    moments, mean, scale = _empty(X, (3, parts, C)), _empty(X, (C,)), _empty(X, (C,))
    columns("column_moments", X, parts, X, moments, N, C)
    arrays = moments, mean, scale, *(running or (None, None))
    numbers = parts, C, float(momentum), float(eps)
    each("batch_statistics", C, X, *arrays, *numbers)
    return mean, scale


def normalise_columns(X, mean, scale, weight=None, bias=None):
    """w (x - mean) scale + b with one number of each a column; mean may be None."""
    Y, last = _empty(X), (X.size, X.shape[1])
    arrays = X, mean, scale, _solid(weight), _solid(bias), Y
    each("normalise_columns", X.size, X, *arrays, *last)
    return Y


def batch_norm_gradient(G, X, mean, scale, weight, gb, gw):
    """gx of batch norm in training."""
    GX = _empty(X)
    arrays = _solid(G, X), X, mean, scale, _solid(weight), _solid(gb), _solid(gw), GX
    each("batch_norm_gradient", X.size, X, *arrays, *X.shape)
    return GX


def adam(p, g, state, numbers):
    """One step of Adam in place; `numbers` in the order of the kernel."""
    m, v, *largest = state
    arrays = p, _solid(g), m, v, largest[0] if largest else None
    each("adam", p.size, p, *arrays, p.size, *map(float, numbers))


# --- memory ------------------------------------------------------------


def _parts(x):
    return max(1, min(PARTS, len(x) // PARTS))


def _solid(x, like=None):
    """x in C order, in the dtype of `like`: a kernel sees memory only."""
    if x is None:
        return None
    dtype = x.dtype if like is None else like.dtype
    return backend.xp_of(x).ascontiguousarray(x, dtype)


def _empty(x, shape=None):
    return backend.xp_of(x).empty(x.shape if shape is None else shape, x.dtype)
