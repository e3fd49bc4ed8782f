"""Task 4 of 4: a fine-tuning taken apart.  (29.4), (29.5) of the notebook."""

import numpy as np


def what_rank_leaves(W0, W1, X, ranks, E0, E1, seen, steps):
    """What low ranks leave of a change of weights, and which decay trained them.

    share of the weights   ‖ΔW − [ΔW]_r‖ / ‖ΔW‖,  ΔW = W1 − W0                    (29.4)
    share of the outputs   ‖X (ΔW − [ΔW]_r)ᵀ‖ / ‖X ΔWᵀ‖
    decay factor           c = ⟨E1, E0⟩ / ⟨E0, E0⟩ = (1 − ηλ)^steps               (29.5)

    [ΔW]_r: the r largest terms of ΔW's singular value decomposition, the same for both
    shares; all norms are Frobenius'. The sums of (29.5) run over all entries of the rows
    of the embedding that no token touched: weight decay alone moved those.

    W0, W1 (out, in) before and after; X (n, in); ranks: a list of integers from 1 to
    min(out, in) − 1; E0, E1 (vocab, C) the embedding before and after; seen: a list of
    the ids in the training texts, repeated as they occur, some rows never; steps: how
    many steps the training had. Returns (shares of the weights, shares of the outputs, c,
    ηλ): two arrays with a number per rank, and two floats.

    Example: W0 = 0, W1 = diag(3, 4), X = [[1, 0]], ranks = [1]: shares 3/5 and 1. With
    E0 = [[1, 1], [2, 0]], E1 = [[9, 9], [1.62, 0]], seen = [0, 0], steps = 2: c = 0.81
    and ηλ = 0.1.
    """
    # YOUR CODE: (29.4) and (29.5)
    change, norm = W1 - W0, np.linalg.norm
    U, S, Vt = np.linalg.svd(change, full_matrices=False)
    left = [change - (U[:, :r] * S[:r]) @ Vt[:r] for r in ranks]
    weights = np.array([norm(R) for R in left]) / norm(change)
    outputs = np.array([norm(X @ R.T) for R in left]) / norm(X @ change.T)
    rest = np.setdiff1d(np.arange(len(E0)), seen)
    c = np.sum(E1[rest] * E0[rest]) / np.sum(E0[rest] ** 2)
    decay = 1 - c ** (1 / steps)
    return weights, outputs, float(c), float(decay)
    # END YOUR CODE
