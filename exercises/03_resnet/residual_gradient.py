"""Task 4 of 4: back through a residual block.  (3.9)–(3.13) of the notebook."""

import numpy as np


def residual_gradient(x, W, gamma, beta, gy, eps=1e-5):
    """gx, gW, gγ and gβ of a block with one 1×1 convolution and a batch norm.

    z = x Wᵀ,   ẑ = (z − mean z)/s,   s = √(var z + ε)         of each column       (3.9)
    y = ReLU(x + γẑ + β)                                                           (3.12)

    Mean and (biased) variance are taken over the rows of the batch, so z moves them,
    and that has its share in the gradient                                         (3.10)
    The slope of the ReLU at 0 is 0, as everywhere in this course.

    x (M, C), one row for each pixel; W (C, C), gamma and beta (C,); gy (M, C) the
    gradient of y. Returns (gx, gW, gγ, gβ), each of the shape of its variable. Leave
    the inputs unchanged.
    """
    # YOUR CODE: (3.10), (3.12)
    raise NotImplementedError("not implemented yet: residual_gradient, (3.10), (3.12)")
