"""Task 4 of 4: BatchNorm over all ranks.  (30.4) of the notebook."""

import numpy as np


def joint_statistics(n, means, variances, running, momentum):
    """Mean and variance of all rows from each rank's own, and the running variance.

    n (p,) whole numbers >= 1: rows of rank r;  means, variances (p, C): of its rows, the
    variances biased (divided by n[r]);  running (C,): the running variance before;
    0 < momentum <= 1. At least two rows in all. Do not change the inputs.

    Returns (mean (C,), var (C,) biased: of all rows together;
    running (C,) = (1 − momentum) running + momentum · unbiased var, in which the n of all
    ranks together is divided by n − 1).

    n = [1, 3], means = [[0], [4]], variances = [[0], [2]], running = [1], momentum = 0.5
    (rank 0 has the row 0): mean = 3, var = (1·(0 + 9) + 3·(2 + 1))/4 = 4.5, and
    running = 0.5 + 0.5 · 4.5 · 4/3 = 3.5.
    """
    # YOUR CODE: (30.4)
    total = n.sum()
    mean = n @ means / total
    var = n @ (variances + (means - mean) ** 2) / total
    unbiased = var * total / (total - 1)
    return mean, var, (1 - momentum) * running + momentum * unbiased
    # END YOUR CODE
