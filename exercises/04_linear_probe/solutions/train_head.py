"""Task 2 of 3: train a head by gradient descent.  (4.3) of the notebook."""

import numpy as np


def train_head(Z, y, W, b, lr, penalty, steps):
    """Train the head of a frozen network: cross-entropy, and a penalty on W alone.

    J = L + penalty · ‖W‖²,  L = mean over rows of −log p(y_i),  p = softmax(Z Wᵀ + b)

    Every step moves W and b by −lr times their gradients of J, both taken at the same
    point. The bias is not penalised.                                            (4.3)

    Z (n, d) features; y (n,) classes 0 ... K − 1; W (K, d) and b (K,) at the start; lr,
    penalty floats; steps an int. Do not change the inputs. Returns (W, b, losses): the
    trained head, and L (without the penalty) before every step and after the last.

    By hand: Z = [[2]], y = [0], W = [[0], [0]], b = [0, 0], lr = 0.1, one step. p is
    (½, ½), L = ln 2 = 0.693. The gradient of W is [[−1], [1]], of b (−½, ½), so
    W = [[0.1], [−0.1]], b = (0.05, −0.05) and losses = (0.693, 0.474).
    """
    # YOUR CODE: (4.3)
    n, onehot = len(Z), np.eye(len(W))[y]
    losses = []
    for step in range(steps + 1):
        logits = Z @ W.T + b
        logits = logits - logits.max(1, keepdims=True)
        p = np.exp(logits)
        p = p / p.sum(1, keepdims=True)
        losses.append(-np.mean(np.log(p[np.arange(n), y])))
        if step == steps:
            break
        error = (p - onehot) / n
        gW = error.T @ Z + 2 * penalty * W
        gb = error.sum(0)
        W, b = W - lr * gW, b - lr * gb
    return W, b, np.array(losses)
    # END YOUR CODE
