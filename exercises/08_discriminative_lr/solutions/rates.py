"""Task 1 of 4: a rate for each layer.  (8.1) of notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def rates(lr, decay, count):
    """η_l = η0 α^(L−l) for the layers l = 1, …, L, from the input to the top.   (8.1)

    lr η0, a float; decay α in (0, 1]; count L >= 1. Returns (L,), float64, the rate of
    layer 1 (next to the input) first.
    """
    # YOUR CODE: equation (8.1)
    layer = np.arange(1, count + 1)
    return lr * decay ** (count - layer)
    # END YOUR CODE
