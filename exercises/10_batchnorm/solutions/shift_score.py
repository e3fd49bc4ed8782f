"""Task 3 of 4: what freezing costs.  (10.8) of notebooks/10_batchnorm.ipynb."""

import numpy as np


def shift_score(x, mean_s, var_s, gamma, eps):
    """A of each channel: how far frozen and updated outputs are apart on target data.

    A = mean over x of (y_frozen − y_updated)²                                     (10.8)
      = γ² [(a − b)² v_t + a² (μ_t − μ_s)²],  a = 1/√(v_s + ε),  b = 1/√(v_t + ε)

    x (N, C) target data, with its own mean μ_t and biased variance v_t; mean_s, var_s,
    gamma (C,) the layer's running statistics and scale; eps > 0. Returns (C,).
    """
    # YOUR CODE: equation (10.8)
    mean_t, var_t = x.mean(axis=0), x.var(axis=0)
    a, b = 1 / np.sqrt(var_s + eps), 1 / np.sqrt(var_t + eps)
    spread = (a - b) ** 2 * var_t
    shift = a**2 * (mean_t - mean_s) ** 2
    return gamma**2 * (spread + shift)
    # END YOUR CODE
