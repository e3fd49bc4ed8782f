"""Task 3 of 4: the first two steps.  Equation (14.3) of notebooks/14_adapters.ipynb."""

import numpy as np


def adapter_gradients_at_start(h, g, D, b, scale=1.0):
    """Gradients of an adapter that starts as the identity: U = 0, c = 0, tanh inside.

    y' = y + s·(U tanh(D h + b) + c);   g = ∂L/∂y' comes from above        (14.3)

    h (..., k) what the adapter reads, g (..., d), any number of batch axes; D (m, k),
    b (m,). Returns (gD, gb, gU, gc), the gradients of L with respect to D (m, k),
    b (m,), U (d, m), c (d,); L sums over the batch already.

    Example: h = [[2, 1], [0, 1]], g = [[1, 0], [2, 1]], D = [[1, −1]], b = [0.5] and
    scale = 2 give gD = [[0, 0]], gb = [0], gU = [[−0.038], [−0.924]], gc = [6, 2].
    """
    # YOUR CODE: (14.3)
    d, k = g.shape[-1], h.shape[-1]
    inside = np.tanh(h.reshape(-1, k) @ D.T + b)
    g = g.reshape(-1, d)
    return np.zeros(D.shape), np.zeros(b.shape), scale * g.T @ inside, scale * g.sum(axis=0)
    # END YOUR CODE


def two_steps(h, g, D, b, lr, scale=1.0):
    """(D, b, U, c) after two steps of gradient descent from that start, at rate lr.

    L = Σ g∘y' with a fixed g, so ∂L/∂y' is g in both steps. h (B, k), g (B, d).
    Example: the one above with lr = 0.1 gives D = [[1, −1.016]], b = [0.484],
    U = [[0.008], [0.185]], c = [−1.2, −0.4].
    """
    # YOUR CODE: the chain rule, twice
    U, c = np.zeros((g.shape[1], len(b))), np.zeros(g.shape[1])
    for _ in range(2):
        inside = np.tanh(h @ D.T + b)
        back = scale * (g @ U) * (1 - inside**2)
        gU, gc = scale * g.T @ inside, scale * g.sum(axis=0)
        D, b = D - lr * back.T @ h, b - lr * back.sum(axis=0)
        U, c = U - lr * gU, c - lr * gc
    return D, b, U, c
    # END YOUR CODE
