"""Task 3 of 5: exact statistics of a data set.  (10.7) of notebooks/10_batchnorm.ipynb."""

import numpy as np


def pooled(counts, means, variances):
    """Mean and unbiased variance of all data, from those of its batches.

    (10.7) is written with biased variances. BatchNorm stores unbiased ones: here they
    are unbiased (ddof=1) in what is given and in what is returned.

    counts (K,) the n_k >= 1; means and variances (K, C). A single row has no unbiased
    variance: where n_k = 1 the variance is NaN, and the batch counts all the same.
    Returns (mean, variance), each (C,): np.mean and np.var with ddof=1 of the
    concatenated data, which are at least two rows.

    Example, one channel: rows 1, 3 and a batch of the single row 5: counts [2, 1], means
    [[2], [5]], variances [[2], [NaN]]. Together 1, 3, 5: ([3], [4]).
    """
    # YOUR CODE: equation (10.7)
    n, N = counts[:, None], counts.sum()
    mean = np.sum(n * means, axis=0) / N
    inside = np.where(n > 1, (n - 1) * variances, 0.0)
    squares = inside + n * (means - mean) ** 2
    return mean, np.sum(squares, axis=0) / (N - 1)
    # END YOUR CODE
