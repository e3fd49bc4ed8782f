"""Task 4 of 5: what freezing costs.  (10.8) of notebooks/10_batchnorm.ipynb."""

import numpy as np


def shift_score(x, mean_s, var_s, gamma, eps, w=0.0):
    """A of each channel: how far two layers' outputs are apart on target data.

    One layer normalises by the target's own statistics; the other by statistics that
    have moved only part of the way there, r = (1 − w) r_s + w r_t for the mean and for
    the variance. w = 0 is a frozen layer, and then                               (10.8)

    A = mean over x of (y_frozen − y_updated)²
      = γ² [(a − b)² v_t + a² (μ_t − μ_s)²],  a = 1/√(v_s + ε),  b = 1/√(v_t + ε)

    x (N, C) target data, with its own mean μ_t and biased variance v_t; mean_s, var_s,
    gamma (C,) the source's statistics and the scale; eps > 0, w in [0, 1]. Returns (C,).

    Example, one channel, eps next to 0: x = 0, 4 (μ_t = 2, v_t = 4), mean_s 0, var_s 1,
    gamma 1. a = 1, b = 0.5: w = 0 gives (1 − 0.5)²·4 + 2² = 5; w = 1 gives 0.
    """
    # YOUR CODE: equation (10.8)
    mean_t, var_t = x.mean(axis=0), x.var(axis=0)
    mean_r, var_r = (1 - w) * mean_s + w * mean_t, (1 - w) * var_s + w * var_t
    a, b = 1 / np.sqrt(var_r + eps), 1 / np.sqrt(var_t + eps)
    spread = (a - b) ** 2 * var_t
    shift = a**2 * (mean_t - mean_r) ** 2
    return gamma**2 * (spread + shift)
    # END YOUR CODE
