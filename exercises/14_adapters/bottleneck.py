"""Task 1 of 4: bottleneck adapters.  Equation (14.1) of notebooks/14_adapters.ipynb."""

import numpy as np


def bottleneck(x, y, adapters, parallel=False):
    """The result y of a layer, corrected by adapters with tanh inside, in their order.

    y' = y + s·(U tanh(D h + b) + c)                                       (14.1)
    h = y, and the next adapter takes this one's y' for its y: a stack;
    h = x, the layer's input, for every adapter if parallel: their corrections add up

    x (..., k) what went into the layer, y (..., d) what came out, any number of batch
    axes; adapters a list, perhaps empty, of (D, b, U, c, s): D (m, d), or (m, k) if
    parallel, b (m,), U (d, m), c (d,), s a float; m is the adapter's own.
    Returns a new (..., d) array.

    Example: x = [[2, 1], [0, 1]], y = [[1, 0], [0, 2]] and one adapter with
    D = [[1, −1]], b = [0.5], U = [[2], [1]], c = [0, 1], s = 3 give
    [[6.431, 5.715], [−5.431, 2.285]]; with parallel the second row is [−2.773, 3.614].
    """
    # YOUR CODE: equation (14.1)
    raise NotImplementedError("not implemented yet: bottleneck, equation (14.1)")
