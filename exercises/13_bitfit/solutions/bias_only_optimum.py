"""Task 2 of 4: what a bias can learn.  (13.8), (13.9) of notebooks/13_bitfit.ipynb."""

import numpy as np


def bias_only_optimum(F, Y, b0, weight):
    """The last bias b* that minimises L, and the loss drop.                 (13.8)

    L = Σ_i weight_i ‖f(x_i) − y_i‖² / (2 Σ_i weight_i),  f(x) = f_0(x) − b0 + b;
    everything but b is frozen

    F (n, K) the frozen network's outputs f_0(x_i), with b0 in them; Y (n, K) targets;
    b0 (K,) the bias at the start; weight (n,) >= 0, not all 0: how often row i counts.
    Returns (b* (K,), L at b0 − L at b*).

    With F = [[1, 0], [0, 2]], Y = [[2, 1], [4, 2]], b0 = [1, 1], weight [1, 3] it is
    b* = [4.25, 1.25] and 5.3125.
    """
    # YOUR CODE: equation (13.8)
    r = weight @ (Y - F) / np.sum(weight)
    return b0 + r, 0.5 * (r @ r)
    # END YOUR CODE


def hidden_bias(F, Y, b1, W2, weight):
    """The same for a hidden bias of a linear net, W2 (W1 x + b1) + b2.

    Of all the best ones, the one nearest to the start b1: gradient descent goes there.
                                                                            (13.9)
    b1 (h,) at the start, W2 (K, h). Returns (b1* (h,), loss drop).

    With the same F, Y, weight, b1 = [1], W2 = [[1], [1]] it is b1* = [2.75] and 3.0625.
    """
    # YOUR CODE: equation (13.9)
    r = weight @ (Y - F) / np.sum(weight)
    delta = np.linalg.pinv(W2) @ r
    return b1 + delta, 0.5 * (r @ (W2 @ delta))
    # END YOUR CODE
