"""Task 2 of 4: backward of LayerNorm.  (0.8) of notebooks/00_autograd.ipynb."""

import numpy as np


def layer_norm_backward(gy, x, weight, eps):
    """The gradients of x, weight and bias for y = weight * xh + bias, given gy = dL/dy.

    xh = (x − mean(x)) / σ,  σ = sqrt(var(x) + eps),  var with 1/d             (0.7)
    gx = (h − mean(h) − xh mean(h xh)) / σ  with  h = weight * gy              (0.8)

    The means are over the last axis. x and gy (..., d), weight (d,), eps a float > 0;
    returns (gx, gweight, gbias) of shapes (..., d), (d,), (d,). Leave the inputs
    unchanged. The bias itself is not needed, only its gradient.
    """
    # YOUR CODE: (0.8)
    sigma = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    xh = (x - x.mean(axis=-1, keepdims=True)) / sigma
    h = weight * gy
    along = (h * xh).mean(axis=-1, keepdims=True)
    gx = (h - h.mean(axis=-1, keepdims=True) - xh * along) / sigma
    rows = tuple(range(x.ndim - 1))
    return gx, (gy * xh).sum(axis=rows), gy.sum(axis=rows)
    # END YOUR CODE
