"""Task 1 of 5: a training run that stops early.  Section 4 of the notebook."""

import numpy as np


def train_until(X, y, X_valid, y_valid, theta0, lr, steps, patience):
    """Gradient descent on ‖Xθ − y‖²/(2n) that ends where validation gets no better.

    V(θ) = ‖X_valid θ − y_valid‖²/(2m) is taken at θ0 and after every step. The run
    stops when `patience` values of V in a row were not below the best V so far, or
    after `steps` steps. An equal value is not better.

    Example: V = 5, 3, 4, 2, 2, 6 at θ0 and after steps 1 to 5, patience = 2. The best V
    is 2, after step 3; steps 4 and 5 are no better, so the run stops after step 5:
    the result is (θ after step 3, 3, 5).

    X (n, d), y (n,), X_valid (m, d), y_valid (m,), theta0 (d,), lr a float; steps and
    patience ints >= 1. Returns (the best θ, after how many steps it stood, how many
    steps were taken). Do not change the inputs.
    """

    # YOUR CODE: section 4
    def V(theta):
        return np.sum((X_valid @ theta - y_valid) ** 2)

    theta, best, at, bad = theta0.copy(), theta0.copy(), 0, 0
    least = V(theta)
    for t in range(1, steps + 1):
        theta = theta - lr * X.T @ (X @ theta - y) / len(y)
        if V(theta) < least:
            best, least, at, bad = theta.copy(), V(theta), t, 0
        else:
            bad += 1
        if bad == patience:
            return best, at, t
    return best, at, steps
    # END YOUR CODE
