"""Task 2 of 4: what the task still needs.  (7.5), (7.6) of the notebook."""

import numpy as np


def missing_frequencies(X, y, kernel, readout):
    """Which frequencies the residual still contains, from examples.   (7.5), (7.6)

    The model is f(x) = Σ_i w_i (k∗x)_i with the circular correlation
    (k∗x)_i = Σ_l k_l x_{i+l}, where the lag l runs from −h to h and kernel[h] is k_0.

    X (n, N) signals, y (n,) targets, kernel (2h + 1,) with 2h + 1 <= N, readout w (N,).
    Returns (rho, energy): rho (N,) is the mean of (y − f(x)) x over the examples, and
    energy (N//2 + 1,) is |rho|² split by frequency 0, 1, ..., N//2, so that the entries
    sum to Σ_i rho_i². N may be odd.

    Example: kernel [0, 1, 1], readout [1, 0, 0, 0], X = [[1, 0, 0, 0], [0, 1, 0, 0]] and
    y = [3, 2]: f(x) is [1, 1], rho = [1, 0.5, 0, 0], energy = [0.5625, 0.625, 0.0625].
    """
    # YOUR CODE: (7.5), (7.6)
    raise NotImplementedError("not implemented yet: missing_frequencies, (7.5), (7.6)")
