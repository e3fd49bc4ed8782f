"""Task 2 of 3: scale and shift of a norm.  (13.5), (13.6) of notebooks/13_bitfit.ipynb."""

import numpy as np


def norm_matching(Xhat, Y):
    """γ and β that minimise (1/2n) Σ_i ‖γ∘x̂_i + β − y_i‖².                     (13.5)

    Xhat (n, C) what the norm gives before γ and β: LayerNorm's rows have mean 0, its
    columns do not. Y (n, C). Returns (γ (C,), β (C,)).
    """
    # YOUR CODE: equation (13.5)
    x, y = Xhat - Xhat.mean(axis=0), Y - Y.mean(axis=0)
    gamma = (x * y).mean(axis=0) / (x * x).mean(axis=0)
    return gamma, Y.mean(axis=0) - gamma * Xhat.mean(axis=0)
    # END YOUR CODE


def norm_under_readout(Xhat, Y, W):
    """γ that minimises (1/2n) Σ_i ‖W (γ∘x̂_i) − y_i‖²; W is frozen, β left out. (13.6)

    An RMSNorm is such a norm. Xhat (n, C), Y (n, K), W (K, C). Returns γ (C,).
    """
    # YOUR CODE: equation (13.6)
    n = len(Xhat)
    S, M = Xhat.T @ Xhat / n, Y.T @ Xhat / n
    return np.linalg.solve((W.T @ W) * S, np.diag(W.T @ M))
    # END YOUR CODE
