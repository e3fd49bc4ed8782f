"""Task 3 of 4: pretraining that stops for the target's sake.  Section 7."""

import numpy as np


def stop_pretraining(X, y, X_valid, y_valid, theta, lr, steps, patience):
    """Gradient descent on the source, stopped by the target's validation loss.

    source   L(θ) = ‖Xθ − y‖²/(2n): every step is θ ← θ − lr ∇L(θ)
    target   V(θ) = ‖X_valid θ − y_valid‖²/(2m): never trained on, only looked at

    V counts before the first step (step 0) and after each. Stop after `steps` steps, or
    as soon as `patience` steps in a row gave no V below the smallest so far. Return
    (θ of the smallest V, its step, the V of steps 0, 1, ... up to the last one taken).

    X (n, d), y (n,), X_valid (m, d), y_valid (m,), theta (d,) the start, which must not
    change, lr > 0, steps and patience integers ≥ 1. Returns an array (d,), an int and an
    array (steps taken + 1,).

    Example: X = [[1.0, 0.0], [0.0, 1.0]], y = [2, 2], X_valid = [[1, 0], [0, 2]],
    y_valid = [2, 1], theta = [0, 0], lr = 0.5, steps = 9, patience = 2 gives
    θ = [0.875, 0.875] at step 2, and V = [1.25, 0.5625, 0.457, 0.6086, 0.8521]: after two
    steps without a new smallest V it stops.
    """
    # YOUR CODE: section 7
    def V(theta):
        return np.sum((X_valid @ theta - y_valid) ** 2) / (2 * len(X_valid))

    best, at, losses = theta, 0, [V(theta)]
    while len(losses) <= steps and len(losses) - 1 - at < patience:
        theta = theta - lr * X.T @ (X @ theta - y) / len(X)
        losses.append(V(theta))
        if losses[-1] < losses[at]:
            best, at = theta, len(losses) - 1
    return np.array(best), at, np.array(losses)
    # END YOUR CODE
