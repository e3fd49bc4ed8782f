"""Channels-last memory: images that look N x C x H x W and lie N x H x W x C.

The shapes are PyTorch's; the memory keeps the C numbers of one pixel together, so a 1 x 1
convolution is a matrix product, a window row is one run, and a channel's mean is a column
mean. `x.transpose` only renames axes and NumPy's arithmetic keeps the order of its
operands, so a chain of convolutions, norms, activations and sums never converts.
"""

from tinyft import backend

WIDE = 2048  # entries of a widened row: 8 KiB of float32, two of them fit a 32 KiB L1


def as_rows(x):
    """(N, C, ...) as (N ..., C): a view of channels-last memory, a copy of any other."""
    xp = backend.xp_of(x)
    last = x if x.ndim == 2 else xp.moveaxis(x, 1, -1)
    return xp.ascontiguousarray(last).reshape(-1, x.shape[1])


def from_rows(rows, shape):
    """(N ..., C) as an array of `shape` (N, C, ...) on the same memory."""
    N, C, *inside = shape
    if not inside:
        return rows
    return backend.xp_of(rows).moveaxis(rows.reshape(N, *inside, C), -1, 1)


def fold(rows):
    """How many of `rows` make one wide row: the largest divisor that stays below WIDE.

    A (M, C) array plus a row of C runs M loops of C steps; folded to (M/r, r C) plus the row
    r times, M/r long ones: 4x faster at C = 16.
    """
    M, C = rows.shape
    most = max(1, WIDE // max(1, C))
    return next(r for r in range(min(most, max(1, M)), 0, -1) if M % r == 0)


def column_sums(rows):
    """The sum of each column of (M, C), over wide rows first."""
    if not len(rows):
        return rows.sum(axis=0)
    r, C = fold(rows), rows.shape[1]
    return rows.reshape(-1, r * C).sum(axis=0).reshape(r, C).sum(axis=0)


def add_row(rows, row):
    """rows (M, C) + row (C), in place unless the row has more precision."""
    xp = backend.xp_of(rows)
    if backend.result_type(rows.dtype, row.dtype) != rows.dtype or not len(rows):
        return rows + row
    r, C = fold(rows), rows.shape[1]
    folded = rows.reshape(-1, r * C)
    folded += xp.tile(row, r)
    return rows
