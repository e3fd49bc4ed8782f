"""Task 1 of 4: fine-tune, then go back part of the way.  (27.1)–(27.3) of the notebook."""

import numpy as np


def loss(theta, data):
    """|Xθ − y|²/2n of data = (X, y)."""
    X, y = data
    return float(np.sum((X @ theta - y) ** 2) / (2 * len(y)))


def interpolated_run(theta0, train, new, old, share, lr, steps):
    """Fine-tune a linear model, then choose α for the old and the new task together.

    1. From theta0 (d,) take `steps` steps of gradient descent with rate lr on
       loss(θ, train); its gradient is Xᵀ(Xθ − y)/n. Call the end θ1.
    2. θ(α) = (1 − α) theta0 + α θ1                                           (27.1)
    3. Choose the α in [0, 1] with the least
       share · loss(θ(α), new) + (1 − share) · loss(θ(α), old)
       where `new` and `old` are held-out data of the two tasks. All of these losses
       are parabolas in α: (27.2) and (27.3) need three values, at α = 0, ½ and 1.

    train, new, old: pairs (X (n, d), y (n,)). Returns (θ(α) (d,), α).

    Example, d = 2, one step with lr = 0.5 from theta0 = [0, 0] on X = [[2, 0], [0, 1]],
    y = [2, 4]: the gradient is [−2, −2], so θ1 = [1, 1]. With new = ([[1, 0], [0, 1]],
    [1, 3]), old = ([[1, 0], [0, 1]], [0, 0]) and share = 0.25 the weighted losses are
    0.625, 0.5 and 0.625 at α = 0, ½, 1: α = 0.5 and θ = [0.5, 0.5].
    """
    # YOUR CODE: (27.1) to (27.3)
    X, y = train
    theta = theta0.copy()
    for _ in range(steps):
        theta = theta - lr * X.T @ (X @ theta - y) / len(y)
    first, middle, last = (
        share * loss(t, new) + (1 - share) * loss(t, old)
        for t in (theta0, (theta0 + theta) / 2, theta)
    )
    curvature = 4 * (first + last - 2 * middle)
    alpha = min(max(0.5 + (first - last) / curvature, 0.0), 1.0)
    return (1 - alpha) * theta0 + alpha * theta, alpha
    # END YOUR CODE
