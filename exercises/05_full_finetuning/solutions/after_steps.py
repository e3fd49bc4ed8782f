"""Task 1 of 4: where gradient descent is after t steps.  (5.2), (5.3) of the notebook."""

import numpy as np


def after_steps(X, y, theta0, lr, steps):
    """θ after `steps` of gradient descent on L = ‖Xθ − y‖²/(2n), without a loop.

    X = U diag(s) Vᵀ (np.linalg.svd(X, full_matrices=False));  r0 = y − Xθ0
    Along direction v_i the way to the end is s_i⁻¹ u_iᵀr0; after t steps the share
    1 − (1 − lr s_i²/n)^t of it is done.                                        (5.2)

    Example: X = [[2, 0]], y = [4], θ0 = [0, 7], lr = 0.1. The way is [2, 0]; a step does
    1 − (1 − 0.1·4) = 0.4 of it: steps = 1 gives [0.8, 7], steps = 2 gives [1.28, 7].

    X (n, d), all its min(n, d) singular values above 0; y (n,), theta0 (d,), lr a float,
    steps an int >= 0. Returns θ (d,).
    """
    # YOUR CODE: (5.2)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    share = 1 - (1 - lr * s**2 / len(y)) ** steps
    return theta0 + Vt.T @ (share / s * (U.T @ (y - X @ theta0)))
    # END YOUR CODE


def where_it_ends(X, y, theta0):
    """The limit of the same for steps → ∞ at a stable rate.  (5.3)

    Example: X = [[2, 0]], y = [4], θ0 = [0, 7] gives [2, 7]: Xθ = y, nearest to θ0.
    Shapes as above; returns θ (d,).
    """
    # YOUR CODE: (5.3)
    return theta0 + np.linalg.pinv(X) @ (y - X @ theta0)
    # END YOUR CODE
