"""Task 1 of 4: a bottleneck adapter.  Equation (14.1) of notebooks/14_adapters.ipynb."""

import numpy as np


def bottleneck(h, y, D, b, U, c, scale=1.0, parallel=False):
    """The result y of a layer, corrected by an adapter with tanh inside.

    y' = y + s·(U tanh(D z + b) + c),   z = y, or the input h if parallel   (14.1)

    h (B, k) what went into the layer, y (B, d) what came out; D (m, d), or (m, k) if
    parallel; b (m,), U (d, m), c (d,), scale a float s. Returns a new (B, d) array.
    """
    # YOUR CODE: equation (14.1)
    raise NotImplementedError("not implemented yet: bottleneck, equation (14.1)")
