"""Task 1 of 3: train a head by gradient descent.  (4.3) of the notebook."""

import numpy as np


def train_head(Z, y, W, b, lr, penalty, steps):
    """Train the head of a frozen network: cross-entropy, and a penalty on W alone.

    J = L + penalty · ‖W‖²,  L = mean over rows of −log p(y_i),  p = softmax(Z Wᵀ + b)

    Every step moves W and b by −lr times their gradients of J, both taken at the same
    point. The bias is not penalised.                                            (4.3)

    Z (n, d) features; y (n,) classes 0 ... K − 1; W (K, d) and b (K,) at the start; lr,
    penalty floats; steps an int. Do not change the inputs. Returns (W, b, losses): the
    trained head, and L (without the penalty) before every step and after the last.

    By hand, n = 2 rows and K = 3 classes: Z = [[3], [6]], y = [0, 1], W = [[1], [1], [1]],
    b = [0, 0, 0], lr = 0.1, penalty = 0.25, one step. All p are ⅓, so L = ln 3 = 1.099.
    The gradient of L with respect to W is half of the sum of both rows' p − onehot,
    times Z: ½ (−⅔·3 + ⅓·6, ⅓·3 − ⅔·6, ⅓·3 + ⅓·6) = (0, −1.5, 1.5). The penalty adds
    2 · 0.25 · 1 to each: (0.5, −1, 2). Of b it is ½ (−⅓, −⅓, ⅔). After the step
    W = [[0.95], [1.1], [0.8]], b = (1/60, 1/60, −1/30), losses = (1.099, 0.801).
    """
    # YOUR CODE: (4.3)
    raise NotImplementedError("not implemented yet: train_head, (4.3)")
