"""Task 3 of 4: the first gradient.  Equation (14.3) of notebooks/14_adapters.ipynb."""

import numpy as np


def adapter_gradients_at_start(y, g, D, b, scale=1.0):
    """Gradients of an adapter that starts as the identity: U = 0, c = 0, tanh inside.

    y' = y + s·(U tanh(D y + b) + c);   g = ∂L/∂y' comes from above        (14.3)

    y (B, d), g (B, d), D (m, d), b (m,). Returns (gD, gb, gU, gc), the gradients of
    L with respect to D (m, d), b (m,), U (d, m), c (d,); L sums over the batch already.
    """
    # YOUR CODE: (14.3)
    inside = np.tanh(y @ D.T + b)
    gU = scale * g.T @ inside
    gc = scale * g.sum(axis=0)
    return np.zeros(D.shape), np.zeros(b.shape), gU, gc
    # END YOUR CODE
