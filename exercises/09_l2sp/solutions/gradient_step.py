"""Task 1 of 4: one regularised gradient step.  (9.1) of notebooks/09_l2sp.ipynb."""

import numpy as np


def gradient_step(X, y, theta, theta0, lam, lr):
    """One step of gradient descent on J(θ) = ‖Xθ − y‖²/(2n) + λ‖θ − θ0‖².

    θ ← θ − lr ∇J(θ),   ∇J(θ) = the pull of the data + the pull of θ0      (9.1)

    X (n, d), y (n,), theta and theta0 (d,), lam and lr floats; returns a new (d,) array.
    Do not change the inputs.

    Example: X = [[1], [2]], y = [3, 1], theta = [2], theta0 = [1], lam 0.5, lr 0.1. The
    residuals are −1 and 3, the data's gradient (−1 + 6)/2 = 2.5, the pull 1: [1.65].
    """
    # YOUR CODE: equation (9.1)
    fit = X.T @ (X @ theta - y) / len(y)
    pull = 2 * lam * (theta - theta0)
    return theta - lr * (fit + pull)
    # END YOUR CODE
