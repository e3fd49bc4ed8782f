"""Task 1 of 4: the windows of an image as a matrix.  (3.3) of notebooks/03_resnet.ipynb."""

import numpy as np


def im2col(x, size, stride, padding):
    """The matrix A with which a convolution is Y = A Wᵀ, W (O, C kh kw).

    A[(n, h, w), (c, i, j)] = x[n, c, sh·h + i − p, sw·w + j − q]              (3.3)

    where x is 0 outside of the image, and with Ho and Wo places for the window (3.2):
    Ho = ⌊(H + 2p − kh)/sh⌋ + 1.

    x (N, C, H, W); size (kh, kw), stride (sh, sw) and padding (p, q) are pairs, height
    first. Returns A (N Ho Wo, C kh kw) of x's dtype, a new array. Leave x unchanged.
    """
    # YOUR CODE: equations (3.2), (3.3)
    raise NotImplementedError("not implemented yet: im2col, equations (3.2), (3.3)")
