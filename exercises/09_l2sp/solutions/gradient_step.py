"""Task 2 of 4: one regularised gradient step.  (9.2) of notebooks/09_l2sp.ipynb."""

import numpy as np


def gradient_step(X, y, theta, theta0, lam, lr):
    """One step of gradient descent on J(θ) = ‖Xθ − y‖²/(2n) + λ‖θ − θ0‖².

    θ ← θ − lr ∇J(θ),   ∇J(θ) = the pull of the data + the pull of θ0      (9.2)

    X (n, d), y (n,), theta and theta0 (d,), lam and lr floats; returns a new (d,) array.
    Do not change the inputs.
    """
    # YOUR CODE: equation (9.2)
    fit = X.T @ (X @ theta - y) / len(y)
    pull = 2 * lam * (theta - theta0)
    return theta - lr * (fit + pull)
    # END YOUR CODE
