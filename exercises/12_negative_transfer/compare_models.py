"""Task 1 of 4: two models, one verdict.  (12.1), (12.2), (12.4) of the notebook."""

import math

import numpy as np


def compare_models(first, second, targets):
    """The gap between two models, its standard error, and the mid-p value.

    gap     the first model's error rate minus the second's                    (12.1)
    error   the standard error of the gap, for paired predictions              (12.2)
    p       McNemar's two-sided mid-p value: the exact one (12.3), but the
            point probability P(B = k) counts only once, not twice             (12.4)

    first, second and targets (N,): predicted and true classes, integers. Returns three
    floats. Without a discordant example p is 1.

    Example: first = [1, 2, 0, 1, 1], second = [1, 0, 0, 2, 0], targets = [1, 0, 0, 2, 1]
    has b = 2, c = 1 and gives (0.2, 0.3347, 0.625).
    """
    # YOUR CODE: (12.1), (12.2), (12.4)
    raise NotImplementedError("not implemented yet: compare_models, (12.1), (12.2), (12.4)")
