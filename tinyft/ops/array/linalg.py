"""Matrix products and solves.

    y = x w             gx = gy w^T,        gw = x^T gy
    x = A^-1 b          gb = A^-T gx,       gA = -gb x^T        (from A dx = db - dA x)

The product of a 3-D array with a matrix folds the leading axes into rows: one large
product instead of many small ones, 1.5x faster. Batch axes broadcast.
"""

import itertools
import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.elementwise import like, mul, unbroadcast
from tinyft.ops.array.shape import broadcast_to, reshape
from tinyft.ops.operands import wrap


class MatMul(Function):
    """x (..., m, k) times w (..., k, n); vectors are matrices by now."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.x, ctx.w = like(x), like(w)
        x, w = backend.match(x, w)
        ctx.save(x if ctx.needs[1] else None, w if ctx.needs[0] else None)
        return product(x, w)

    @staticmethod
    def backward(ctx, gy):
        x, w = ctx.saved
        gx = gw = None
        if ctx.needs[0]:
            gx = unbroadcast(product(gy, w.swapaxes(-1, -2)), ctx.x)
        if ctx.needs[1]:
            if len(ctx.w[0]) == 2:  # x^T gy over all rows of the batch at once
                x, gy = rows(x), rows(gy)
            gw = unbroadcast(product(x.swapaxes(-1, -2), gy), ctx.w)
        return gx, gw


def rows(x):
    """x (..., k) as a matrix (rows, k)."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def product(x, w):
    """x @ w, as one product of matrices where w is a matrix; arrays or Tensors."""
    if x.ndim == 2 or w.ndim > 2:
        return x @ w
    return (rows(x) @ w).reshape((*x.shape[:-1], w.shape[-1]))


def matmul(x, w):
    """x @ w: x (..., m, k), w (..., k, n) give (..., m, n); batch axes broadcast.

    A vector on the left is one row, on the right one column, and that axis is left out
    of the result, as in NumPy. Raises ValueError with both shapes if the inner sizes
    differ.
    """
    x, w = wrap(x), wrap(w)
    check_product(x.shape, w.shape)
    row, column = x.ndim == 1, w.ndim == 1
    if not row and not column:
        return MatMul.apply(x, w)
    x = reshape(x, (1, x.size)) if row else x
    w = reshape(w, (w.size, 1)) if column else w
    y = MatMul.apply(x, w)
    height = () if row else y.shape[-2:-1]
    return reshape(y, (*y.shape[:-2], *height, *(() if column else y.shape[-1:])))


def check_product(x, w):
    """ValueError with both shapes unless arrays of shapes x and w can be multiplied."""
    if not x or not w:
        raise ValueError(
            f"matmul: {x} @ {w}: a scalar has no axis to sum; use * instead"
        )
    inner = w[-2] if len(w) > 1 else w[0]
    if x[-1] != inner:
        place = "second-to-last" if len(w) > 1 else "only"
        raise ValueError(
            f"matmul: {x} @ {w}: the last axis of the first, {x[-1]}, must equal the "
            f"{place} axis of the second, {inner}; transpose one of them?"
        )
    for n, m in zip(x[-3::-1], w[-3::-1]):
        if n != m and 1 not in (n, m):
            raise ValueError(
                f"matmul: {x} @ {w}: the batch axes {x[:-2]} and {w[:-2]} do not "
                "broadcast"
            )


def outer(x, y):
    """x_i y_j of two vectors (larger arrays are flattened), as a matrix."""
    return mul(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def dot(x, y):
    """Σ x_i y_i of two vectors; for other shapes write matmul."""
    x, y = wrap(x), wrap(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"dot: expected two vectors, got {x.shape} and {y.shape}")
    return matmul(x, y)


class Solve(Function):
    """A^-1 b for A (..., n, n) and b (..., n, m) of the same batch axes."""

    carried = True

    @staticmethod
    def forward(ctx, A, b):
        A, b = backend.match(A, b)
        x = backend.linalg_of("solve", A).solve(A, b)
        ctx.save(A, x)
        return x

    @staticmethod
    def backward(ctx, gx):
        A, x = ctx.saved
        gb = Solve.call(A.swapaxes(-1, -2), gx)
        gA = -(gb @ x.swapaxes(-1, -2)) if ctx.needs[0] else None
        return gA, gb if ctx.needs[1] else None


def solve(A, b):
    """x with A x = b: A (..., n, n), b (..., n, m) or (n,) give the shape of b.

    Batch axes broadcast. Raises ValueError for shapes that do not fit and, on the CPU,
    for a singular A (a GPU answers with Inf or NaN).
    """
    A, b = wrap(A), wrap(b)
    if b.ndim == 1:
        return reshape(solve(A, reshape(b, (-1, 1))), (-1,))
    square = A.ndim > 1 and A.shape[-1] == A.shape[-2]
    if not square or b.ndim < 2 or b.shape[-2] != A.shape[-1]:
        raise ValueError(
            f"solve: expected A (..., n, n) and b (..., n, m), got {A.shape} and {b.shape}"
        )
    batch = _common(A.shape[:-2], b.shape[:-2])
    A, b = (broadcast_to(t, (*batch, *t.shape[-2:])) for t in (A, b))
    return Solve.apply(A, b)


def _common(x, w):
    """The batch axes that two tuples of them broadcast to."""
    pairs = list(itertools.zip_longest(x[::-1], w[::-1], fillvalue=1))
    if any(n != m and 1 not in (n, m) for n, m in pairs):
        raise ValueError(f"solve: the batch axes {x} and {w} do not broadcast")
    return tuple(m if n == 1 else n for n, m in pairs)[::-1]
