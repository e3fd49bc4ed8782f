"""Task 2 of 4: three kinds of noise.  (25.5), (25.6) of the notebook."""

import numpy as np


def noise_weights(L, kinds, s):
    """Uncertainty weights with a third kind: absolute errors.

        "squared"     ½ L/σ² + ½ log σ²     L mean squared residual
        "classes"       L/σ² + ½ log σ²     L cross-entropy                        (25.5)
        "absolute"      L/σ  + ½ log σ²     L mean absolute residual

    The third is minus the log-likelihood of a Laplace density with scale σ, without its
    constant; s = log σ² for all three.

    L (T,) losses > 0; kinds: T strings; s (T,). Returns
    (total, the sum of the terms, a float; slope (T,), its derivatives by s;
    best (T,), the s that minimises it for these L; pull (T,), the derivatives of the
    total by L at s = best: how hard each task pulls there).

    L = [2, 3], kinds = ["absolute", "classes"], s = [0, 1]: total = 2 + 3/e + ½ = 3.6036,
    slope = [-0.5, -0.6036], best = [2 log 2, log 6] = [1.3863, 1.7918], pull = [1/2, 1/6].
    """
    # YOUR CODE: (25.5), (25.6)
    raise NotImplementedError("not implemented yet: noise_weights, (25.5), (25.6)")
