"""Task 2 of 5: running statistics.  (10.2), (10.3) of notebooks/10_batchnorm.ipynb."""

import numpy as np


def running_statistics(batches, momentum):
    """The running mean and variance of a BatchNorm layer after these batches.

    r ← (1 − m) r + m b, from a mean of 0 and a variance of 1                     (10.2)

    batches: a list of images (N_k, C, H_k, W_k), in the order they came, with at least
    two entries per channel; b are the mean and the unbiased variance of each channel,
    over all its entries. momentum m in (0, 1] is the weight of the new batch; None asks
    for the plain average of all batches so far: m = 1/k for the k-th, counted from 1.
    Returns (mean, variance), each (C,).

    Example: two batches of one channel with entries 1, 3 and 4, 8, m = 0.5: the mean goes
    0 → 1 → 3.5, the variance (2 and 8 unbiased) 1 → 1.5 → 4.75.
    """
    # YOUR CODE: (10.2)
    raise NotImplementedError("not implemented yet: running_statistics, (10.2)")


def batches_until(delta, momentum):
    """How many batches until the statistics of the start weigh δ or less, an int.

    The least t with (1 − m)^t <= δ                                               (10.5)

    delta and momentum in (0, 1). Example: delta = 0.3, momentum = 0.5: 0.5, 0.25: 2.
    """
    # YOUR CODE: (10.5)
    raise NotImplementedError("not implemented yet: batches_until, (10.5)")
