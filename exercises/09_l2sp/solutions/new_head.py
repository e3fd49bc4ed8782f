"""Task 3 of 4: L2-SP with a fresh head.  (9.9) of notebooks/09_l2sp.ipynb."""

import numpy as np


def new_head(X, y, theta0, shared, alpha, beta):
    """Minimiser of  ‖Xθ − y‖²/(2n) + (α/2)‖θ_S − θ0_S‖² + (β/2)‖θ_N‖².   (9.9)

    S is where `shared` is True: weights that were pretrained. N is the rest: a new head,
    whose entries of `theta0` are only the random numbers it was initialised with.

    X (n, d), y (n,), theta0 (d,), shared (d,) of bool, alpha and beta floats > 0;
    returns θ* (d,). Mind the halves: this is the form of Li et al. 2018.
    """
    # YOUR CODE: equation (9.9)
    strength = np.where(shared, alpha, beta)
    target = np.where(shared, theta0, 0.0)
    D = len(y) * np.diag(strength)
    return np.linalg.solve(X.T @ X + D, X.T @ y + D @ target)
    # END YOUR CODE
