"""Task 3 of 4: tune one part only.  (7.3), (7.4) of notebooks/07_which_layers.ipynb."""

import numpy as np


def train_part(kernel, readout, target, part, lr, steps):
    """Gradient descent on one part of f(x) = Σ_i w_i (k∗x)_i; the other is frozen.

    With white inputs the loss is L = ½ Σ_m (β_m − β*_m)², where β = Kᵀw is what the
    model weighs x by: β_m = Σ_l k_l w_{m−l}, indices modulo N, the lag l from −h to h,
    kernel[h] = k_0. Both gradients follow from it by the chain rule.

    kernel (2h + 1,), readout w (N,), target β* (N,); part "early" trains the kernel,
    "late" the readout, "both" the two at once (each gradient at the old values).
    Returns (kernel, readout, losses): the trained arrays, and L before every step and
    after the last, (steps + 1,). Do not change the inputs.

    Example: kernel [0, 1, 1], readout [1, 0, 0, 0], target [1, 3, 0, 0], "late", lr 0.5,
    one step: β is [1, 1, 0, 0] first, the readout becomes [2, 1, 0, 0], losses [2, 1].
    """
    # YOUR CODE: equation (7.3)
    raise NotImplementedError("not implemented yet: train_part, equation (7.3)")
