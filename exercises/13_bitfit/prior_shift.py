"""Task 4 of 4: repair a prior shift.  (13.12), (13.3) of notebooks/13_bitfit.ipynb."""

import numpy as np


def softmax(Z):
    """Rows of Z (n, K) as probabilities."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def prior_shift(Z, source, target, T):
    """The bias that turns source logits into target ones, and the posterior.

    The network's confidence is wrong: its logits are calibrated at temperature T only,
    softmax(Z/T) = p_s(y|x). The frequencies of the classes change from `source` to
    `target`, p(x|y) does not. The bias is added to Z itself, and Z + b is calibrated
    at the same temperature: softmax((Z + b)/T) = p_t(y|x)                  (13.3)

    Z (n, K), source (K,), target (K,) with positive entries that sum to 1, T > 0.
    Returns (b (K,) with mean 0, P = p_t(y|x) (n, K) whose rows sum to 1).

    With Z = [[2, 0], [0, 1]], source [0.5, 0.5], target [0.2, 0.8], T = 2 it is
    b = [-1.3863, 1.3863] and P = [[0.4046, 0.5954], [0.1317, 0.8683]].
    """
    # YOUR CODE: equation (13.3)
    raise NotImplementedError("not implemented yet: prior_shift, equation (13.3)")


def match_marginal(Z, target, weight, sweeps=500):
    """The bias at which the weighted mean of softmax(Z + b) over the rows is `target`.

    Σ_i weight_i softmax(z_i + b) / Σ_i weight_i = target                    (13.12)

    No calibration is assumed: this is what training the bias by cross-entropy finds.
    Start at b = 0 and sweep. weight (n,) >= 0, not all 0. Returns b (K,) with mean 0.

    With Z = [[2, 0], [0, 1]], target [0.2, 0.8], weight [1, 3] it is b = [-0.8071, 0.8071].
    """
    # YOUR CODE: equation (13.12)
    raise NotImplementedError("not implemented yet: match_marginal, equation (13.12)")
