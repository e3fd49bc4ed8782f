"""Task 4 of 5: gradients and training of a prefix. (18.10) of notebooks/18_prefix.ipynb."""

import numpy as np


def prefix_gradients(q, k, v, P_k, P_v, g):
    """∂L/∂P_k and ∂L/∂P_v for o = softmax(q [P_k; K]ᵀ / √d) [P_v; V]             (18.10)

    One head, no mask; g = ∂L/∂o.

    q (T, d), k (n, d), v (n, e), P_k (l, d), P_v (l, e), g (T, e); returns (gP_k (l, d),
    gP_v (l, e)), float64. Scores are moderate: you need not care about overflow. Do not
    change the inputs.

    With q = [[1], [2]], k = [[1]], v = [[4]], P_k = [[0]], P_v = [[2]], g = [[1], [-1]] it
    is gP_k = [[0.0268]], gP_v = [[0.1497]].
    """
    # YOUR CODE: equation (18.10)
    raise NotImplementedError("not implemented yet: prefix_gradients, equation (18.10)")


def train_prefix(q, k, v, P_k, P_v, target, lr, steps):
    """Train the prefix by gradient descent on L = ‖o − target‖² / (2T).

    Every step moves P_k and P_v by −lr times their gradients, both taken at the same
    point; q, k and v are frozen. target (T, e), steps an int. Returns (P_k, P_v).

    With the same arrays, target [[0], [0]], lr = 0.1, steps = 2: [[0.3194]], [[1.8522]].
    """
    # YOUR CODE: ∂L/∂o, then (18.10)
    raise NotImplementedError("not implemented yet: train_prefix, ∂L/∂o, then (18.10)")
