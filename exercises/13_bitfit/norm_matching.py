"""Task 3 of 4: scale and shift of a norm. (13.10), (13.11) of notebooks/13_bitfit.ipynb."""

import numpy as np


def norm_matching(Xhat, Y, weight):
    """γ and β that minimise  Σ_i weight_i ‖γ∘x̂_i + β − y_i‖².                  (13.10)

    Xhat (n, C) what the norm gives before γ and β: LayerNorm's rows have mean 0, its
    columns do not. Y (n, C). weight (n,) >= 0 says how often a row counts, 0 for
    padding, which may hold any finite numbers. Returns (γ (C,), β (C,)).

    With Xhat = [[1, -1], [-1, 1], [2, -2]], Y = [[3, 0], [1, 2], [5, 1]], weight [1, 1, 2]
    it is γ = [1.3333, 0.3333] and β = [2.1667, 1.3333].
    """
    # YOUR CODE: equation (13.10)
    raise NotImplementedError("not implemented yet: norm_matching, equation (13.10)")


def norm_under_readout(Xhat, Y, W, weight):
    """γ that minimises  Σ_i weight_i ‖W (γ∘x̂_i) − y_i‖²; W is frozen, β left out. (13.11)

    An RMSNorm is such a norm. Xhat (n, C), Y (n, K), W (K, C), weight (n,) as above.
    Returns γ (C,).

    With Xhat = [[1, 2], [2, -1]], Y = [[3, 1], [2, 4]], W = [[1, 1], [0, 2]] and
    weight [1, 3] it is γ = [1.0137, -0.4556].
    """
    # YOUR CODE: equation (13.11)
    raise NotImplementedError("not implemented yet: norm_under_readout, equation (13.11)")
