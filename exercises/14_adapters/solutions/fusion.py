"""Task 4 of 4: AdapterFusion.  Equation (14.7) of notebooks/14_adapters.ipynb."""

import numpy as np


def fusion(y, A, Q, K, V, on):
    """Mix what N adapters add to y, row by row; returns (y', weights).

    w_n = softmax_n(q·k_n),  q = Q y,  k_n = K a_n,   y' = y + Σ_n w_n V a_n   (14.7)

    y (B, d) the layer's result, A (B, N, d) what each adapter adds to it, Q, K, V
    (d, d); on (B, N) of bool: which adapters a row may use. The others have the weight
    0 and take no part in the softmax; a row that may use none stays y, all weights 0.
    Returns y' (B, d) and the weights w (B, N). No temperature, no 1/√d. Scores may be
    large, of either sign: there must be no overflow and no NaN.

    Example: y = [[2, 1], [0, 1]], A = [[[1, 0], [0, 1]], [[2, 2], [0, −1]]], Q = K = I,
    V = 2 I and on = [[True, True], [True, False]] give y' = [[3.462, 1.538], [4, 5]]
    and w = [[0.731, 0.269], [1, 0]].
    """
    # YOUR CODE: equation (14.7)
    query = y @ Q.T
    keys = A @ K.T
    scores = np.sum(keys * query[:, None, :], axis=2)
    scores = np.where(on, scores, -np.inf)
    top = np.max(scores, axis=1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    w = e / np.maximum(np.sum(e, axis=1, keepdims=True), 1.0)
    values = A @ V.T
    return y + np.sum(w[:, :, None] * values, axis=1), w
    # END YOUR CODE


def value_penalty(V, strength):
    """strength·‖V − I‖²: keeps V (d, d) near the identity, where it starts.

    The squared Frobenius norm: a sum, not a mean. Example: ([[1, 2], [0, 3]], 0.01)
    gives 0.08.
    """
    # YOUR CODE: ‖V − I‖²
    return strength * np.sum((V - np.eye(len(V))) ** 2)
    # END YOUR CODE
