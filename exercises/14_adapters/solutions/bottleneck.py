"""Task 1 of 4: bottleneck adapters.  Equation (14.1) of notebooks/14_adapters.ipynb."""

import numpy as np


def bottleneck(h, y, adapters, parallel=False):
    """The result y of a layer, corrected by adapters with tanh inside, in their order.

    y' = y + s·(U tanh(D z + b) + c)                                       (14.1)
    z = y, and the next adapter takes this one's y' for its y: a stack;
    z = h, the layer's input, for every adapter if parallel: their corrections add up

    h (..., k) what went into the layer, y (..., d) what came out, any number of batch
    axes; adapters a list, perhaps empty, of (D, b, U, c, s): D (m, d), or (m, k) if
    parallel, b (m,), U (d, m), c (d,), s a float; m is the adapter's own.
    Returns a new (..., d) array.
    """
    # YOUR CODE: equation (14.1)
    out = y.copy()
    for D, b, U, c, s in adapters:
        z = h if parallel else out
        out = out + s * (np.tanh(z @ D.T + b) @ U.T + c)
    return out
    # END YOUR CODE
