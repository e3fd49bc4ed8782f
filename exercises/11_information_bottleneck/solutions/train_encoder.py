"""Task 3 of 4: a training run with the penalty.  Section 4 of the notebook."""

import numpy as np


def train_encoder(X, y, W0, readout, strength, scores, sd, lr, steps):
    """Gradient descent on the encoder W of z = W x from W0; the readout a is frozen.

    J = |X Wᵀ a − y|² / 2n + λ Σ_k (1 − s_k) · mean_i (z_ik − z0_ik)² / (2 sd_k²)

    with z_i = W x_i and z0_i = W0 x_i: the loss and the penalty (11.4) at fixed widths.

    X (n, in), y (n,), W0 (d, in), readout a (d,), strength λ, scores s (d,) in [0, 1],
    sd (d,) > 0, lr a float, steps an int. Returns (W, losses, moved): the encoder, the
    loss without the penalty before every step and after the last, (steps + 1,), and at
    the end mean_i (z_ik − z0_ik)² of every feature, (d,). Do not change the inputs.

    Example: X = [[2.0], [0.0]], y = [4.0, 1.0], W0 = [[1.0], [0.0]], a = [1.0, 1.0], λ = 1,
    s = [0.5, 0.0], sd = [1.0, 1.0], lr 0.25, two steps: W = [[1.375], [0.25]],
    losses [1.25, 0.25, 0.390625], moved [0.28125, 0.125].
    """
    # YOUR CODE: section 4
    n, W = len(X), W0
    weights = strength * (1 - scores) / sd**2

    def loss(W):
        return np.sum((X @ W.T @ readout - y) ** 2) / (2 * n)

    losses = [loss(W)]
    for _ in range(steps):
        fit = np.outer(readout, (X @ W.T @ readout - y) @ X / n)
        pull = weights[:, None] * ((W - W0) @ X.T @ X / n)
        W = W - lr * (fit + pull)
        losses.append(loss(W))
    return W, np.array(losses), np.mean((X @ (W - W0).T) ** 2, axis=0)
    # END YOUR CODE
