"""Task 1 of 4: class shares without labels.

(13.6), (13.7) of notebooks/13_bitfit.ipynb.
"""

import numpy as np


def confusion(predicted, labels, weight, K):
    """C (K, K): the share of source examples that are predicted i and belong to class j.

    predicted (n,), labels (n,): classes 0..K-1. weight (n,) >= 0, not all 0: example m
    counts weight[m] times. All entries of C sum to 1.

    With predicted [0, 1, 1], labels [0, 0, 1], weight [1, 1, 2], K = 2 it is
    [[0.25, 0], [0.25, 0.5]].                                                (13.6)
    """
    # YOUR CODE: equation (13.6)
    C = np.zeros((K, K))
    np.add.at(C, (predicted, labels), weight)
    return C / np.sum(weight)
    # END YOUR CODE


def shift_weights(C, mu, strength):
    """The ratios w = π_t/π_s, shrunk towards 1 (no shift), and π_t.

    w = 1 + θ with the θ that makes ‖Cθ − (μ − C·1)‖² + strength ‖θ‖² least. (13.7)

    C (K, K), mu (K,): the share of target examples predicted as each class, strength
    >= 0. Returns (w (K,), pi (K,)): pi is π_s ∘ w, with negative shares set to 0, and
    then with sum 1. π_s is in C. At strength = 0 this is (13.6).

    With C = [[0.25, 0], [0.25, 0.5]], mu = [0.4, 0.6], strength = 0.1 it is
    w = [1.1485, 0.7327] and pi = [0.6105, 0.3895].
    """
    # YOUR CODE: equation (13.7)
    ones = np.ones(len(mu))
    rest = mu - C @ ones
    theta = np.linalg.solve(C.T @ C + strength * np.eye(len(mu)), C.T @ rest)
    w = 1 + theta
    pi = np.maximum(C.sum(axis=0) * w, 0)
    return w, pi / pi.sum()
    # END YOUR CODE
