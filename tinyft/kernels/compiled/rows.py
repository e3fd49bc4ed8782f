"""Softmax of rows, the weights of attention, and their gradient.

    y = e^(x - top) / sum e^(x - top),  top = max x, but finite                     (1)
    gx = y (gy - <gy, y>)                                                           (2)

A finite `top` gives a row of -inf zeros, and the sum is at least the smallest normal
number. A NaN or +inf makes its whole row NaN, as in NumPy. Under a causal mask query i
of T sees keys 0 .. i + n - T: (1) runs over those, the others are 0.
"""

from math import log

import numba

from tinyft.backend import HOST
from tinyft.kernels.compiled.jit import (
    LOWEST,
    ONE,
    TINY,
    ZERO,
    exp,
    inlined,
    kernel,
    larger,
)
from tinyft.kernels.compiled.memory import solid


@numba.njit(inline="always")  # else LLVM cannot see that y is x, or is not
def exponentials(x, y, sees):
    """y = e^(x - top) of the first `sees` entries, 0 after them; returns (sum, top)."""
    top, total = LOWEST, ZERO
    for j in range(sees):
        top = larger(top, x[j])
    for j in range(sees):
        e = exp(x[j] - top)
        y[j] = e
        total += e
    for j in range(sees, x.size):
        y[j] = ZERO
    return (TINY if total < TINY else total), top


@inlined
def sight(i, T, n, causal):
    """How many of n keys row i of blocks of T queries sees."""
    return max(0, min(n, i % T + n - T + 1)) if causal else n


@kernel("void(f4[:,::1], f4[:,::1])")
def softmax_forward(X, Y):
    for i in range(X.shape[0]):
        y = Y[i]
        total, _ = exponentials(X[i], y, X.shape[1])
        factor = ONE / total
        for j in range(y.size):
            y[j] *= factor


@kernel("void(f4[:,::1], f4[:,::1], f4[:,::1])")
def softmax_backward(Y, GY, GX):
    for i in range(Y.shape[0]):
        y, gy, gx, inner = Y[i], GY[i], GX[i], ZERO
        for j in range(y.size):
            inner += y[j] * gy[j]
        for j in range(y.size):
            gx[j] = y[j] * (gy[j] - inner)


@kernel("void(f4[:,::1], f4[::1], f4[::1], i8, b1)")
def weights_forward(S, L, sums, T, causal):
    for i in range(S.shape[0]):
        s = S[i]
        sums[i], top = exponentials(s, s, sight(i, T, s.size, causal))
        L[i] = log(sums[i]) + top


@kernel("void(f4[:,::1], f4[::1], i8, b1)")
def weights_again(S, L, T, causal):
    for i in range(S.shape[0]):
        s, shift = S[i], L[i]
        sees = sight(i, T, s.size, causal)
        for j in range(sees):
            s[j] = exp(s[j] - shift)
        for j in range(sees, s.size):
            s[j] = ZERO


def softmax(x):
    """e^x / sum of e^x over the last axis."""
    x, y = solid(x), HOST.empty(x.shape, x.dtype)
    softmax_forward(_rows(x), _rows(y))
    return y


def softmax_gradient(y, gy, out=None):
    """y (gy - <gy, y>) over the last axis."""
    y, gy = solid(y), solid(gy)
    gx = HOST.empty_like(y) if out is None else out
    softmax_backward(_rows(y), _rows(gy), _rows(gx))
    return gx


def attention_weights(S, causal):
    """e^(S - top) over S; returns (log sums, sums) of its rows, each (..., T, 1).

    `causal`: the mask of a block of T queries whose last one sees all keys of S.
    """
    L, sums = (HOST.empty((*S.shape[:-1], 1), S.dtype) for _ in range(2))
    weights_forward(_rows(S), L.reshape(-1), sums.reshape(-1), S.shape[-2], causal)
    return L, sums


def attention_weights_again(S, L, causal):
    """e^(S - L) over S."""
    weights_again(_rows(S), solid(L).reshape(-1), S.shape[-2], causal)


def _rows(x):
    return x.reshape(-1, x.shape[-1])
