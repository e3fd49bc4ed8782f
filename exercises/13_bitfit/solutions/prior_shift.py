"""Task 3 of 3: repair a prior shift.  (13.7), (13.9) of notebooks/13_bitfit.ipynb."""

import numpy as np


def softmax(Z):
    """Rows of Z (n, K) as probabilities."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def prior_shift(Z, source, target):
    """The bias that turns calibrated source logits into target ones, and the posterior.

    softmax(Z) = p_s(y|x); the frequencies of the classes change from `source` to
    `target`, p(x|y) does not                                              (13.9)

    Z (n, K), source (K,), target (K,) with positive entries that sum to 1.
    Returns (b (K,) with mean 0, P (n, K) whose rows sum to 1).
    """
    # YOUR CODE: equation (13.9)
    b = np.log(target / source)
    return b - b.mean(), softmax(Z + b)
    # END YOUR CODE


def match_marginal(Z, target, sweeps=500):
    """The bias at which the mean of softmax(Z + b) over the rows is `target`.  (13.7)

    No calibration is assumed: this is what training the bias by cross-entropy finds.
    Start at b = 0 and sweep. Returns b (K,) with mean 0.
    """
    # YOUR CODE: equation (13.7)
    b = np.zeros(len(target))
    for _ in range(sweeps):
        b = b + np.log(target) - np.log(softmax(Z + b).mean(axis=0))
    return b - b.mean()
    # END YOUR CODE
