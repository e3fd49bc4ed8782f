"""Task 2 of 5: where gradient descent is after t steps.  (5.2), (5.3) of the notebook."""

import numpy as np


def after_steps(X, y, theta0, lr, steps):
    """θ after `steps` of gradient descent on L = ‖Xθ − y‖²/(2n), without a loop.

    X = U diag(σ) Vᵀ (np.linalg.svd(X, full_matrices=False));  r0 = y − Xθ0
    Along direction v_i the gap between start and end is u_iᵀr0 / σ_i, the curvature
    h_i = σ_i²/n; after t steps the share 1 − (1 − lr h_i)^t of it is closed.    (5.3)

    Example: X = [[2, 0, 0], [0, 1, 0]], y = [4, 3], θ0 = [0, 7, 5], lr = 0.2. The gaps
    are 2 and −4 along the first two axes, h = (2, ½): a step does 0.4 and 0.1 of them.
    steps = 1 gives [0.8, 6.6, 5], steps = 2 gives [1.28, 6.24, 5].

    X (n, d), all its min(n, d) singular values above 0; y (n,), theta0 (d,), lr a float,
    steps an int >= 0. Returns θ (d,).
    """
    # YOUR CODE: (5.3)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    share = 1 - (1 - lr * s**2 / len(y)) ** steps
    return theta0 + Vt.T @ (share / s * (U.T @ (y - X @ theta0)))
    # END YOUR CODE


def where_it_ends(X, y, theta0):
    """The limit of the same for steps → ∞ at a stable rate.  (5.2)

    Example: X, y, θ0 as above give [2, 3, 5]: Xθ = y, and no such θ is nearer to θ0.
    Shapes as above; returns θ (d,).
    """
    # YOUR CODE: (5.2)
    return theta0 + np.linalg.pinv(X) @ (y - X @ theta0)
    # END YOUR CODE
