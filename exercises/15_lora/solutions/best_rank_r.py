"""Task 4 of 4: the best update of rank r.  (15.5), (15.6) of notebooks/15_lora.ipynb."""

import numpy as np


def best_rank_r(X, Y, W0, r):
    """Minimise  L = ‖X (W0 + ΔW)ᵀ − Y‖² / (2n)  over ΔW of rank at most r.

    D = W_OLS − W0,  Σ = XᵀX/n,  U S Vᵀ = svd(D Σ^½)
    ΔW* = U_r U_rᵀ D                                                          (15.5)
    L*  = L_OLS + ½ Σ_{i>r} σ_i²                                              (15.6)

    X (n, in) of full column rank, Y (n, out), W0 (out, in), 1 <= r <= min(out, in);
    returns (ΔW* (out, in), L* a float). W_OLS (out, in) is least squares' weight.
    """
    # YOUR CODE: (15.5) and (15.6)
    n = len(X)
    W_ols = np.linalg.lstsq(X, Y)[0].T
    D = W_ols - W0
    lam, Q = np.linalg.eigh(X.T @ X / n)
    root = (Q * np.sqrt(lam)) @ Q.T  # Σ^½
    U, S = np.linalg.svd(D @ root)[:2]
    delta = U[:, :r] @ U[:, :r].T @ D
    least = np.sum((X @ W_ols.T - Y) ** 2) / (2 * n)
    return delta, least + np.sum(S[r:] ** 2) / 2
    # END YOUR CODE
