"""Task 3 of 4: train on several ranks.  (30.1) of the notebook."""

import numpy as np


def train_ranks(parts, w, lr, max_norm, steps):
    """Adam on least squares; every rank adds up its micro-batches, then all ranks join.

    loss = ½ mean over all rows of a step of (x·w − y)²

    parts[r][k] = (X (n, d), y (n,)): micro-batch k of rank r. The ranks have different
    numbers of rows, and of micro-batches too. Every step uses all of them. In a step:
      1. the gradient of the loss over all rows of all ranks;
      2. its norm; if that is above max_norm, the gradient is scaled to max_norm;
      3. Adam with β = (0.9, 0.99), ε = 1e-8, moments from 0 and corrected:
         m ← 0.9 m + 0.1 g,  v ← 0.99 v + 0.01 g²,
         w ← w − lr m/(1 − 0.9^t) / (√(v/(1 − 0.99^t)) + 1e-8),  t = 1, 2, ...
    w (d,), lr > 0, max_norm > 0. Do not change the inputs.

    Returns (w after the last step, losses (steps,): before every step,
    norms (steps,): of the gradient before it is scaled).

    parts = [[([[1, 0]], [1])], [([[0, 1]], [3]), ([[1, 1], [0, 1]], [0, 0])]], w = [0, 0],
    lr = 0.1, max_norm = 1, one step: over four rows g = [−1, −3]/4 = [−0.25, −0.75],
    norm 0.7906, losses = [(1 + 9)/8] = [1.25], w = [0.1, 0.1].
    """
    # YOUR CODE: (30.1)
    rows = [batch for rank in parts for batch in rank]
    m, v, losses, norms = np.zeros_like(w), np.zeros_like(w), [], []
    for t in range(1, steps + 1):
        total, count, squares = np.zeros_like(w), 0, 0.0
        for X, y in rows:
            e = X @ w - y
            total = total + X.T @ e
            squares += e @ e
            count += len(y)
        g = total / count
        losses.append(squares / 2 / count)
        norms.append(np.linalg.norm(g))
        g = g * min(1.0, max_norm / norms[-1])
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        w = w - lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return w, np.array(losses), np.array(norms)
    # END YOUR CODE
