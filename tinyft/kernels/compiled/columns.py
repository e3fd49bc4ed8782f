"""What batch norm does with the columns of (M, C): statistics, sums, affine maps.

    mean, var    shifted by a, the mean of 64 rows that are spread over all: t = x - a,
                 mean = a + mean(t), var = mean(t²) - mean(t)²
    column_sums  sum g and sum g (x - mean)
    affine       a x + c
    combine      a g + b x + c

Matrices are seen as (M/r, r C), as in ops/blocked/channels.py, and sums are taken in
parts of 64 such rows, so that their rounding grows with M / (64 r).
"""

from tinyft.backend import HOST, float32
from tinyft.kernels.compiled.jit import ZERO, kernel
from tinyft.kernels.compiled.memory import solid

WIDE, SOME = 2048, 64  # entries of a widened row; rows whose mean is the shift


@kernel("void(f4[:,::1], f4[::1], f4[:,::1], f4[:,::1])")
def moments(X, a, some, sums):
    """sums[0] += sum (x - a), sums[1] += sum (x - a)²."""
    n = X.shape[1]
    first, second = some[0], some[1]
    for start in range(0, X.shape[0], 64):
        some[:] = ZERO
        for i in range(start, min(start + 64, X.shape[0])):
            x = X[i]
            for j in range(n):
                t = x[j] - a[j]
                first[j] += t
                second[j] += t * t
        for j in range(n):
            sums[0, j] += first[j]
            sums[1, j] += second[j]


@kernel("void(f4[:,::1], f4[:,::1], f4[::1], f4[:,::1], f4[:,::1])")
def products(G, X, mean, some, sums):
    """sums[0] += sum g, sums[1] += sum g (x - mean)."""
    n = X.shape[1]
    first, second = some[0], some[1]
    for start in range(0, X.shape[0], 64):
        some[:] = ZERO
        for i in range(start, min(start + 64, X.shape[0])):
            g, x = G[i], X[i]
            for j in range(n):
                first[j] += g[j]
                second[j] += g[j] * (x[j] - mean[j])
        for j in range(n):
            sums[0, j] += first[j]
            sums[1, j] += second[j]


@kernel("void(f4[:,::1], f4[::1], f4[::1], f4[:,::1])")
def map_one(X, a, c, Y):
    for i in range(X.shape[0]):
        x, y = X[i], Y[i]
        for j in range(x.size):
            y[j] = x[j] * a[j] + c[j]


@kernel("void(f4[:,::1], f4[:,::1], f4[::1], f4[::1], f4[::1], f4[:,::1])")
def map_two(G, X, a, b, c, Y):
    for i in range(X.shape[0]):
        g, x, y = G[i], X[i], Y[i]
        for j in range(x.size):
            y[j] = g[j] * a[j] + x[j] * b[j] + c[j]


def statistics(X):
    """Mean and biased variance of each column."""
    X, (M, C) = solid(X), X.shape
    wide, times = _widened(X)
    a = X[:: -(-M // SOME)].mean(axis=0)
    sums = HOST.zeros((2, wide.shape[1]), float32)
    moments(wide, HOST.tile(a, times), HOST.empty_like(sums), sums)
    m, square = sums.reshape(2, times, C).sum(axis=1) / float32.type(M)
    return a + m, HOST.maximum(square - m * m, 0)


def column_sums(G, X, mean):
    """(sum g, sum g (x - mean)) of each column."""
    (wide_x, times), (wide_g, _) = _widened(solid(X)), _widened(solid(G))
    sums = HOST.zeros((2, wide_x.shape[1]), float32)
    mean = HOST.tile(solid(mean), times)
    products(wide_g, wide_x, mean, HOST.empty_like(sums), sums)
    return sums.reshape(2, times, X.shape[1]).sum(axis=1)


def affine(X, a, c):
    """a X + c with rows a, c; c may be None."""
    wide, times = _widened(solid(X))
    a, c = (_spread(row, X, times) for row in (a, c))
    Y = HOST.empty(X.shape, float32)
    map_one(wide, a, c, Y.reshape(wide.shape))
    return Y


def combine(G, X, a, b, c):
    """a G + b X + c with rows a, b, c."""
    (wide_x, times), (wide_g, _) = _widened(solid(X)), _widened(solid(G))
    rows = (_spread(row, X, times) for row in (a, b, c))
    Y = HOST.empty(X.shape, float32)
    map_two(wide_g, wide_x, *rows, Y.reshape(wide_x.shape))
    return Y


def _widened(X):
    """((M/r, r C), r) for the largest divisor r of M with r C below WIDE."""
    M, C = X.shape
    most = min(M, max(1, WIDE // C))
    r = next(r for r in range(most, 0, -1) if M % r == 0)
    return X.reshape(M // r, r * C), r


def _spread(row, X, times):
    row = HOST.zeros(X.shape[1], float32) if row is None else solid(row)
    return HOST.tile(row, times)
