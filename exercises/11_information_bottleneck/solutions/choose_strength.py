"""Task 4 of 4: how strong should the penalty be?  (11.7) of the notebook."""

import numpy as np


def choose_strength(losses, strengths):
    """The largest λ that costs the new task nothing that its validation data can show.

    Over folds (or seeds) the best λ* has the smallest mean loss. Of every λ the loss
    minus that of λ*, fold by fold, has a mean (the cost) and a standard error: the
    standard deviation with n − 1, divided by √n. The rule takes the largest λ with
    cost <= error.                                                              (11.7)

    losses (n, L): validation loss of the new task, for n >= 2 folds and L strengths;
    strengths (L,), in any order. Returns (λ, cost, error): a float and two arrays (L,).

    Example: strengths [0.1, 0.5, 0.02], losses [[1.0, 1.3, 1.2], [2.0, 1.9, 2.2]] (λ* =
    0.1): cost [0, 0.1, 0.2], error [0, 0.2, 0], so λ = 0.5.
    """
    # YOUR CODE: (11.7)
    best = np.argmin(losses.mean(axis=0))
    worse = losses - losses[:, [best]]
    cost = worse.mean(axis=0)
    error = worse.std(axis=0, ddof=1) / np.sqrt(len(losses))
    return float(strengths[cost <= error].max()), cost, error
    # END YOUR CODE
