"""Task 2 of 3: choose the penalty by folds.  (4.2) of notebooks/04_linear_probe.ipynb."""

import numpy as np


def choose_penalty(X, y, fold, penalties):
    """Cross-validation: every row is judged by a probe that was fitted without its fold.

    For every penalty and every fold, a probe is fitted on the rows outside the fold:
    Wᵀ = (Xᶜᵀ Xᶜ + 2nλ I)⁻¹ Xᶜᵀ Yᶜ,  b = ȳ − W x̄                                (4.2)
    n, x̄ and ȳ are of the fitted rows; Xᶜ = X − x̄ and Yᶜ = Y − ȳ, with Y (n, K)
    one-hot: row i is 1 at y[i], else 0. Its scores for the rows inside the fold are
    X Wᵀ + b; it predicts the class of the largest score. Of penalties with the same
    accuracy, take the smallest.

    X (N, d) features (Z in the chapter); y (N,) classes 0 ... K − 1, each of them outside
    every fold too; fold (N,) integers, which fold a row is in; penalties (p,) the λ > 0,
    in any order.
    Returns (best, accuracies, scores): the λ chosen, the share of right predictions over
    all N rows for every λ (p,), and the scores (N, K) at the best λ, each row's by the
    probe that was fitted without it.

    By hand, N = 5: X = [[0], [0], [2], [0.5], [1.2]], y = [0, 0, 1, 0, 1] and
    fold = [1, 1, 1, 0, 0]. Fold 0 (0.5 and 1.2) is judged by the first n = 3 rows:
    x̄ = ⅔, Σ Xᶜ² = 8/3. For λ = 4/9, 2nλ = 8/3 and W is [[−¼], [¼]]: class 1 wins above
    x = 4/3, so 1.2 is wrong. For λ = 1/9 it is [[−0.4], [0.4]]: class 1 wins above 1.083,
    and 1.2 is right. Fold 1 is judged by the last n = 2 rows, x̄ = 0.85: class 1 wins
    above 0.85 at every λ, and all three are right. choose_penalty(..., [4/9, 1/9]) =
    (1/9, [0.8, 1], [[0.932, 0.068], ..., [0.453, 0.547]]).
    """
    # YOUR CODE: (4.2)
    raise NotImplementedError("not implemented yet: choose_penalty, (4.2)")
