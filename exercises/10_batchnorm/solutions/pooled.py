"""Task 2 of 4: exact statistics of a data set.  (10.7) of notebooks/10_batchnorm.ipynb."""

import numpy as np


def pooled(counts, means, variances):
    """Mean and biased variance of all data, from those of its batches.

    μ = Σ (n_k/N) b_k,   v = within + between,   N = Σ n_k                        (10.7)

    counts (K,) the n_k; means and variances (K, C), the variances biased (ddof=0).
    Returns (mean, variance), each (C,): what np.mean and np.var would give on the
    concatenated data.
    """
    # YOUR CODE: equation (10.7)
    weight = counts[:, None] / counts.sum()
    mean = np.sum(weight * means, axis=0)
    within = np.sum(weight * variances, axis=0)
    between = np.sum(weight * (means - mean) ** 2, axis=0)
    return mean, within + between
    # END YOUR CODE
