"""Task 1 of 4: fit a reward to comparisons.  (24.1), (24.2) of the notebook."""

import numpy as np


def fit_reward(X, chosen, rejected, sure, decay, lr, steps):
    """Train a linear reward r(y) = x(y) · w on comparisons, by gradient descent.

    L(w) = mean over pairs of −[p log σ(g) + (1 − p) log σ(−g)] + decay · |w|²,
    g = r(chosen) − r(rejected), p = sure: the chance that the label is right.   (24.2)

    X (m, d) features of texts; chosen, rejected (n,) rows of X; sure (n,) in [1/2, 1];
    decay, lr floats; steps int. w starts at 0. Returns (w (d,), losses (steps + 1,)): L
    before every step and after the last. Let nothing overflow for large rewards.

    X = [[1, 0], [0, 2], [1, 1]], chosen = [0, 2], rejected = [1, 1], sure = [1, 0.8],
    decay = 0.1, lr = 0.5, one step: at w = 0 both gaps are 0, the slopes of the two
    losses by g are −0.5 and −0.3, so the gradient is ([1, −2]·(−0.5) + [1, −1]·(−0.3))/2
    = [−0.4, 0.65]; w = [0.2, −0.325], losses = [0.6931, 0.4774].
    """
    # YOUR CODE: (24.2)
    D = X[chosen] - X[rejected]
    w, losses = np.zeros(X.shape[1]), []
    for step in range(steps + 1):
        g = D @ w
        each = sure * np.logaddexp(0, -g) + (1 - sure) * np.logaddexp(0, g)
        losses.append(each.mean() + decay * w @ w)
        if step < steps:
            slope = 0.5 + 0.5 * np.tanh(g / 2) - sure
            w = w - lr * (slope @ D / len(D) + 2 * decay * w)
    return w, np.array(losses)
    # END YOUR CODE
