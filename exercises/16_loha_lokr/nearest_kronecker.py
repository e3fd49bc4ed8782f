"""Task 3 of 4: the nearest Kronecker product.  (16.9) of notebooks/16_loha_lokr.ipynb."""

import numpy as np


def nearest_kronecker(D, l, m):
    """The matrices W1 (l, m) and W2 with the least ‖D − W1 ⊗ W2‖².          (16.9)

    Write block (i, j) of D as one row of rows(D), the blocks in reading order; then
    rows(W1 ⊗ W2) = vec(W1) vec(W2)ᵀ has rank 1.

    D (out, in), l divides out and m divides in. Returns (W1, W2, error): any pair with
    the right product, and the squared error that is left, a float.

    Example: D = [[1, 2, 2, 4], [0, 1, 0, 2]] with l = 1, m = 2 has the blocks
    [[1, 2], [0, 1]] and twice that, so W1 ⊗ W2 = D with W1 = [[1, 2]] and error 0. With
    the last entry 3 instead of 2 the error is 0.1434 (to 4 digits).
    """
    # YOUR CODE: equation (16.9)
    raise NotImplementedError("not implemented yet: nearest_kronecker, equation (16.9)")
