"""Layer norm and RMS norm: a walk over the rows forward, one backward.

    y = w xh + b,  xh = (x - mean) scale,  scale = 1 / sqrt(mean((x - mean)²) + eps)  (1)
    gx = (h - mean(h) - xh mean(h xh)) scale,  h = w gy                             (2)
    gw = sum of gy xh,  gb = sum of gy                                              (3)

Not centred (RMS norm): mean = 0 in (1), and (2) without mean(h).
"""

from math import sqrt

from tinyft.backend import HOST, float32
from tinyft.kernels.compiled.jit import INF, ONE, ZERO, f, kernel
from tinyft.kernels.compiled.memory import NO_ROWS, solid


@kernel("i8(f4[:,::1], f4[::1], f4[::1], f4, b1, f4[:,::1], f4[:,::1], f4[::1])")
def forward(X, w, b, eps, centred, XH, Y, scale):
    """(1); returns how many rows have a variance that is not finite."""
    d, large = X.shape[1], 0
    share = ONE / f(d)
    for i in range(X.shape[0]):
        x, y, mean, var = X[i], Y[i], ZERO, ZERO
        if centred:
            for j in range(d):
                mean += x[j]
            mean *= share
        for j in range(d):
            t = x[j] - mean
            var += t * t
        var *= share
        large += not var < INF
        r = ONE / f(sqrt(var + eps))
        scale[i] = r
        if not XH.size:
            for j in range(d):
                y[j] = (x[j] - mean) * r * w[j] + b[j]
            continue
        xh = XH[i]
        for j in range(d):
            h = (x[j] - mean) * r
            xh[j] = h
            y[j] = h * w[j] + b[j]
    return large


@kernel("void(f4[:,::1], f4[:,::1], f4[::1], f4[::1], b1, f4[:,::1])")
def backward(G, XH, w, scale, centred, GX):
    d = G.shape[1]
    share = ONE / f(d)
    for i in range(G.shape[0]):
        g, xh, gx, mean, slope = G[i], XH[i], GX[i], ZERO, ZERO
        for j in range(d):
            h = g[j] * w[j]
            mean += h
            slope += h * xh[j]
        slope *= share
        mean = mean * share if centred else ZERO
        for j in range(d):
            gx[j] = (g[j] * w[j] - mean - xh[j] * slope) * scale[i]


@kernel("void(f4[:,::1], f4[:,::1], f4[::1], f4[::1], f4[::1], f4[::1])")
def sums(G, XH, some_b, some_w, gb, gw):
    """(3), in parts of 64 rows, so that rounding grows with rows / 64."""
    d = G.shape[1]
    for start in range(0, G.shape[0], 64):
        some_b[:] = ZERO
        some_w[:] = ZERO
        for i in range(start, min(start + 64, G.shape[0])):
            g, xh = G[i], XH[i]
            for j in range(d):
                some_b[j] += g[j]
                some_w[j] += g[j] * xh[j]
        for j in range(d):
            gb[j] += some_b[j]
            gw[j] += some_w[j]


def normalise_rows(X, weight, bias, eps, centred, keep):
    """(y, xh or None, 1/s of each row (N, 1), rows of no finite variance)."""
    X = solid(X)
    w, b = _row(weight, X, 1), _row(bias, X, 0)
    Y, scale = HOST.empty_like(X), HOST.empty((len(X), 1), float32)
    XH = HOST.empty_like(X) if keep else NO_ROWS
    large = forward(X, w, b, eps, centred, XH, Y, scale.reshape(-1))
    return Y, XH if keep else None, scale, large


def normalise_rows_gradient(G, XH, weight, scale, centred):
    """gx of layer norm, or of RMS norm."""
    GX = HOST.empty_like(XH)
    w = _row(weight, XH, 1)
    backward(solid(G), solid(XH), w, solid(scale).reshape(-1), centred, GX)
    return GX


def column_sums(G, X):
    """The sums of g and of g x over the rows."""
    d = X.shape[1]
    made = [HOST.zeros(d, float32) for _ in range(4)]
    sums(solid(G), solid(X), *made)
    return made[2:]


def _row(row, X, value):
    return HOST.full(X.shape[1], value, float32) if row is None else solid(row)
