"""Task 1 of 3: what a bias can learn.  (13.3), (13.4) of notebooks/13_bitfit.ipynb."""

import numpy as np


def bias_only_optimum(F, Y, b0):
    """The last bias b* that minimises (1/2n) Σ_i ‖f(x_i) − y_i‖², and the loss drop.

    f(x) = f_0(x) − b0 + b; all else is frozen                              (13.3)

    F (n, K) the frozen network's outputs f_0(x_i), with b0 in them; Y (n, K) targets;
    b0 (K,) the bias at the start. Returns (b* (K,), loss at b0 − loss at b*).
    """
    # YOUR CODE: equation (13.3)
    raise NotImplementedError("not implemented yet: bias_only_optimum, equation (13.3)")


def hidden_bias(F, Y, b1, W2):
    """The same for a hidden bias of a linear net, W2 (W1 x + b1) + b2.

    Of all the best ones, that nearest to the start b1: gradient descent goes there.
                                                                            (13.4)
    b1 (h,) at the start, W2 (K, h). Returns (b1* (h,), loss drop).
    """
    # YOUR CODE: equation (13.4)
    raise NotImplementedError("not implemented yet: hidden_bias, equation (13.4)")
