"""Task 2 of 3: choose the penalty by folds.  (4.2) of notebooks/04_linear_probe.ipynb."""

import numpy as np


def choose_penalty(X, y, fold, penalties):
    """Cross-validation: every row is judged by a probe that was fitted without its fold.

    For every penalty and every fold, a probe is fitted on the rows outside the fold:
    Wᵀ = (Xᶜᵀ Xᶜ + 2nλ I)⁻¹ Xᶜᵀ Yᶜ,  b = ȳ − W x̄                                (4.2)
    n, x̄ and ȳ are of the fitted rows; Xᶜ = X − x̄ and Yᶜ = Y − ȳ, with Y (n, K)
    one-hot: row i is 1 at y[i], else 0. Its scores for the rows inside the fold are
    X Wᵀ + b; it predicts the class of the largest score. Of penalties with the same
    accuracy, take the largest.

    X (N, d) features (Z in the chapter); y (N,) classes 0 ... K − 1, each of them outside
    every fold too; fold (N,) integers, which fold a row is in; penalties (p,) the λ > 0,
    in any order.
    Returns (best, accuracies, scores): the λ chosen, the share of right predictions over
    all N rows for every λ (p,), and the scores (N, K) at the best λ, each row's by the
    probe that was fitted without it.

    By hand, N = 4: X = [[0], [1], [2], [4]], y = [0, 0, 1, 1], fold = [0, 1, 0, 1].
    Fold 0 is judged by the rows 1 and 4: x̄ = 2.5, Σ Xᶜ² = 4.5, and for λ = 1.125, with
    2nλ = 4.5, W is [[−1/6], [1/6]]: class 1 wins above 2.5, so the 2 is wrong. Fold 1 is
    judged by 0 and 2: x̄ = 1, Σ Xᶜ² = 2, 2nλ = 4.5, W = [[−1/6.5], [1/6.5]]: class 1 wins
    above 1; the 1 is a tie, and argmax takes class 0. With λ = 0.125, 2nλ = 0.5:
    W = [[−0.3], [0.3]] and [[−0.4], [0.4]], the same three right. choose_penalty(...,
    [0.125, 1.125]) = (1.125, [0.75, 0.75], [[0.917, 0.083], [0.5, 0.5], [0.583, 0.417],
    [0.038, 0.962]]).
    """
    # YOUR CODE: (4.2)
    Y = np.eye(y.max() + 1)[y]
    accuracies, scores = [], []
    for penalty in penalties:
        held = np.empty(Y.shape)
        for k in np.unique(fold):
            out = fold == k
            n, center, mean = np.sum(~out), X[~out].mean(0), Y[~out].mean(0)
            Z = X[~out] - center
            c = 2 * n * penalty
            W = np.linalg.solve(Z.T @ Z + c * np.eye(Z.shape[1]), Z.T @ (Y[~out] - mean)).T
            held[out] = (X[out] - center) @ W.T + mean
        scores.append(held)
        accuracies.append(np.mean(held.argmax(1) == y))
    order = np.lexsort((penalties, accuracies))
    best = order[-1]
    return penalties[best], np.array(accuracies), scores[best]
    # END YOUR CODE
