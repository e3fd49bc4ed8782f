"""Task 3 of 4: repair a prior shift.  (13.7), (13.9) of notebooks/13_bitfit.ipynb."""

import numpy as np


def softmax(Z):
    """Rows of Z (n, K) as probabilities."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def prior_shift(Z, source, target, T):
    """The bias that turns source logits into target ones, and the posterior.

    The network is overconfident: its logits are calibrated at temperature T only,
    softmax(Z/T) = p_s(y|x). The frequencies of the classes change from `source` to
    `target`, p(x|y) does not. The bias is added to Z itself, and Z + b is calibrated
    at the same temperature: softmax((Z + b)/T) = p_t(y|x)                  (13.9)

    Z (n, K), source (K,), target (K,) with positive entries that sum to 1, T > 0.
    Returns (b (K,) with mean 0, P = p_t(y|x) (n, K) whose rows sum to 1).
    """
    # YOUR CODE: equation (13.9)
    raise NotImplementedError("not implemented yet: prior_shift, equation (13.9)")


def match_marginal(Z, target, weight, sweeps=500):
    """The bias at which the weighted mean of softmax(Z + b) over the rows is `target`.

    Σ_i weight_i softmax(z_i + b) / Σ_i weight_i = target                    (13.7)

    No calibration is assumed: this is what training the bias by cross-entropy finds.
    Start at b = 0 and sweep. weight (n,) >= 0, not all 0. Returns b (K,) with mean 0.
    """
    # YOUR CODE: equation (13.7)
    raise NotImplementedError("not implemented yet: match_marginal, equation (13.7)")
