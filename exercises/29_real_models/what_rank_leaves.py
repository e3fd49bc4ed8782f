"""Task 4 of 4: a fine-tuning taken apart.  (29.5), (29.6) of the notebook."""

import numpy as np


def what_rank_leaves(W0, W1, X, ranks, E0, E1, seen, rates):
    """What rank r leaves of a layer's change of outputs, and the weight decay of a file.

    ΔW = W1 − W0 changes the outputs of the inputs X by X ΔWᵀ. For each rank r, of its
    norm (Frobenius):

    cut     the share left when ΔW is cut to its r largest singular values, [ΔW]_r as in
            (29.5):  ‖X (ΔW − [ΔW]_r)ᵀ‖ / ‖X ΔWᵀ‖
    best    the smallest share that any matrix D of rank r leaves, chosen for these X:
            min ‖X (ΔW − D)ᵀ‖ / ‖X ΔWᵀ‖
    λ       the weight decay ≥ 0 with  c = ∏ (1 − η_k λ)  (29.6), which lies in
            [0, 1/max η); c = ⟨E1, E0⟩ / ⟨E0, E0⟩, both sums over all entries of the rows
            that no token touched

    W0, W1 (out, in) before and after; X (n, in); ranks: a list of integers from 1 to
    min(n, out, in) − 1; E0, E1 (vocab, C) the embedding before and after; seen: a list of
    the ids in the training texts, repeated as they occur, some rows never; rates (N,):
    η_k > 0 of each step, not all equal; 0 < c ≤ 1. Returns (cut, best, λ): two arrays
    with a number per rank, and a float.

    Example: W0 = 0, W1 = diag(3, 4), X = diag(2, 1), ranks = [1]: the outputs change by
    diag(6, 4), cut = [6/√52], best = [4/√52]. With E0 = [[1, 1], [2, 0]],
    E1 = [[9, 9], [1.44, 0]], seen = [0, 0] and rates = [0.1, 0.2]: c = 0.72 and λ = 1.
    """
    # YOUR CODE: (29.5) and (29.6)
    raise NotImplementedError("not implemented yet: what_rank_leaves, (29.5) and (29.6)")
