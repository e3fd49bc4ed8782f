"""Task 1 of 3: choose the penalty.  (4.2) of notebooks/04_linear_probe.ipynb."""

import numpy as np


def choose_penalty(X, y, X_valid, y_valid, penalties):
    """Fit a probe for every penalty, and take the one that validation data prefer.

    A probe is fitted on X (features, Z in the chapter) and y alone:
    Wᵀ = (Xᶜᵀ Xᶜ + 2nλ I)⁻¹ Xᶜᵀ Yᶜ,  b = ȳ − W x̄                                (4.2)
    Xᶜ = X − x̄ and Yᶜ = Y − ȳ, with Y (n, K) one-hot: row i is 1 at y[i], else 0.
    Its scores are X_valid Wᵀ + b; it predicts the class of the largest score. Of
    penalties with the same accuracy, take the largest.

    X (n, d), X_valid (m, d) features; y (n,), y_valid (m,) classes 0 ... K − 1, each of
    them in y; penalties (p,) the λ > 0, in any order.
    Returns (best, accuracies, scores): the λ chosen, the share of right predictions on
    X_valid for every λ (p,), and the scores (m, K) of the probe at the best λ.

    By hand: X = [[0], [0], [2]], y = [0, 0, 1], X_valid = [[0.5], [1.2], [2]],
    y_valid = [0, 1, 1]. Then x̄ = ⅔, and Σ Xᶜ² = 8/3. For λ = 4/9, 2nλ = 8/3 and W is
    [[−¼], [¼]]: class 1 wins above x = 4/3, so 1.2 is wrong. For λ = 1/9 it is
    [[−0.4], [0.4]]: class 1 wins above 1.083, and all three are right.
    choose_penalty(..., [4/9, 1/9]) = (1/9, [⅔, 1], [[0.733, 0.267], ...]).
    """
    # YOUR CODE: (4.2)
    Y = np.eye(y.max() + 1)[y]
    n, center, mean = len(X), X.mean(0), Y.mean(0)
    Z, accuracies, scores = X - center, [], []
    for penalty in penalties:
        c = 2 * n * penalty
        W = np.linalg.solve(Z.T @ Z + c * np.eye(Z.shape[1]), Z.T @ (Y - mean)).T
        scores.append((X_valid - center) @ W.T + mean)
        accuracies.append(np.mean(scores[-1].argmax(1) == y_valid))
    order = np.lexsort((penalties, accuracies))
    best = order[-1]
    return penalties[best], np.array(accuracies), scores[best]
    # END YOUR CODE
