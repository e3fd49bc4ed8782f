"""Cross-entropy of class indices: the losses and their gradient in one walk.

    loss = total log(sum e^z) - a z_y - even sum z,  z = x - max x
    G_c = total p_c - even - a [c = y],  total = a + classes even

with a = (1 - smoothing) k and even = smoothing k / classes; k is 0 for a row that does
not count, else 1 or, for the mean, 1 / (rows that count). Formulas: ops/neural's.
"""

from math import log

from tinyft.backend import HOST, float32, int64
from tinyft.kernels.compiled.jit import LOWEST, ZERO, exp, f, inlined, kernel, larger
from tinyft.kernels.compiled.memory import NO_ROWS, solid


@inlined
def top_of(x):
    top = LOWEST
    for j in range(x.size):
        top = larger(top, x[j])
    return top


@kernel("void(f4[:,::1], i8[::1], f4[::1], f4, f4[::1], f4[:,::1])")
def walk(X, y, k, smoothing, losses, G):
    classes = X.shape[1]
    for i in range(X.shape[0]):
        x, top, total, spread = X[i], top_of(X[i]), ZERO, ZERO
        g = G[i] if G.size else x
        a, even = (f(1) - smoothing) * k[i], smoothing * k[i] / f(classes)
        whole = a + even * f(classes)
        if G.size:
            for j in range(classes):
                e = exp(x[j] - top)
                g[j] = e
                total += e
        else:
            for j in range(classes):
                total += exp(x[j] - top)
        losses[i] = whole * f(log(total))
        if k[i] != ZERO:
            losses[i] -= a * (x[y[i]] - top)
        if smoothing != ZERO:
            for j in range(classes):
                spread += x[j] - top
            losses[i] -= even * spread
        if G.size:
            factor = whole / total
            for j in range(classes):
                g[j] = g[j] * factor - even
            g[y[i]] -= a


def cross_entropy(X, y, keep, smoothing, mean, gradient):
    """(losses, their gradient or None); X (N, C), y (N) classes in range, keep (N) or
    None: the rows that count."""
    X, y, N = solid(X), HOST.ascontiguousarray(y, int64), len(X)
    k = HOST.ones(N, float32) if keep is None else keep.astype(float32)
    if mean:
        k *= 1 / k.sum()
    losses, G = HOST.empty(N, float32), HOST.empty_like(X) if gradient else NO_ROWS
    walk(X, y, k, smoothing, losses, G)
    return losses, G if gradient else None
