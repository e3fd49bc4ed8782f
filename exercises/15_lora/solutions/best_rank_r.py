"""Task 4 of 5: the best update of rank r.  (15.5), (15.6) of notebooks/15_lora.ipynb."""

import numpy as np


def rank_losses(X, Y, W0):
    """The least loss that each rank can reach, for r = 0, 1, ..., min(out, in).

    L = ‖X (W0 + ΔW)ᵀ − Y‖² / (2n);  the least over ΔW of rank at most r is
    L*_r = L_OLS + ½ Σ_{i>r} σ_i²,  σ_i the singular values of D Σ^½            (15.6)

    X (n, in), Y (n, out), W0 (out, in). n may be smaller than in: then Σ = XᵀX/n is
    singular. Returns an array of min(out, in) + 1 losses, that of r = 0 first.
    """
    # YOUR CODE: (15.6)
    n, count = len(X), min(W0.shape)
    D = np.linalg.lstsq(X, Y - X @ W0.T)[0].T
    S = np.linalg.svd(D @ X.T / np.sqrt(n))[1]
    least = np.sum((X @ (W0 + D).T - Y) ** 2) / (2 * n)
    return np.array([least + np.sum(S[r:] ** 2) / 2 for r in range(count + 1)])
    # END YOUR CODE


def best_rank_r(X, Y, W0, r, s):
    """Factors A and B of LoRA with  s B A = ΔW*, the best update of rank r.   (15.5)

    Where several updates are best (n < in), ΔW* is the one of smallest ‖ΔW‖.

    X, Y, W0 as above, 1 <= r <= min(out, in), s > 0 the scale α/r.
    Returns (A (r, in), B (out, r)); any pair with the right product will do.
    """
    # YOUR CODE: (15.5)
    D = np.linalg.lstsq(X, Y - X @ W0.T)[0].T
    B = np.linalg.svd(D @ X.T)[0][:, :r]
    return B.T @ D / s, B
    # END YOUR CODE
