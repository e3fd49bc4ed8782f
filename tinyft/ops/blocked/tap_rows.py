"""Columns of one tap row, for few channels: a third of the columns, one product each row.

With A'[n, h', w] the kw C numbers that a tap row sees from row h' of the padded image,

    Y[n, h] = sum_i A'[n, h + i] W_i,        gW_i = sum_n A'[n, i : i + Ho]^T gY[n]

for stride 1 (correlate.py has the general form). A' is a kh-th of all columns; for it Y
takes kh products and kh - 1 sums, in the cache. It pays while the products, one per
image, are so small that BLAS does not pack them and large enough to be worth a call: 1.2x
on 16 channels of 32 x 32, 1.06x on 32 of 16 x 16, and 0.9x on images of 8 x 8.
"""

from tinyft import backend
from tinyft.ops.blocked import products
from tinyft.ops.blocked.columns import Axis, block_shape, columns

MOST_CHANNELS, FEWEST_OUTPUTS, FEWEST_PIXELS = 32, 8, 196


def fits(X, W, axes):
    """Is this the faster form for X (N, H, W, C) and W (G, kh, kw, C, O)?"""
    (h, w), (G, kh, kw, C, O) = axes, W.shape
    rows, pixels = h.out + kh - 1, h.out * w.out
    few = G == 1 and kh > 1 and C <= MOST_CHANNELS and O >= FEWEST_OUTPUTS
    right = FEWEST_PIXELS <= pixels and pixels * kw * C * O <= products.SMALL_PRODUCT
    plain = (h.stride, w.stride, h.dilation, w.dilation) == (1, 1, 1, 1)
    if not (few and right and plain and backend.device_of(X) == "cpu"):
        return False
    return block_shape(X, w.out * kw * C, rows)[1] == rows  # blocks of whole images


def correlate(X, W, axes, Y, pairs=None):
    """Write the correlation to Y (N, Ho, Wo, O), contiguous.

    pairs: images Z (N, Ho, Wo, I); then the sums of A'^T Z are returned, (1, kh kw C, I).
    """
    (h, w), (_, kh, kw, C, O) = axes, W.shape
    pixels, xp = h.out * w.out, backend.xp_of(X)
    matrices, room = xp.ascontiguousarray(W).reshape(kh, kw * C, O), None
    I = 0 if pairs is None else pairs.shape[3]
    total = xp.zeros((kh, kw * C, I), Y.dtype)
    whole = Axis(1, 1, 1, h.before, h.after, h.out + kh - 1)
    for (n, _), A in columns(X, (whole, w)):
        y = Y[n].reshape(-1, pixels, O)
        A = A.reshape(len(y), whole.out, w.out, kw * C)
        parts = [A[:, i : i + h.out].reshape(-1, pixels, kw * C) for i in range(kh)]
        room = xp.empty_like(y) if room is None else room
        products.product(parts[0], matrices[0], y)
        for part, matrix in zip(parts[1:], matrices[1:]):
            products.product(part, matrix, room[: len(y)])
            y += room[: len(y)]
        if I:
            z = pairs[n].reshape(-1, pixels, I)
            for i, part in enumerate(parts):
                total[i] += (part.swapaxes(1, 2) @ z).sum(axis=0)
    return total.reshape(1, kh * kw * C, I) if I else None
