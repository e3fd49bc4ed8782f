"""Task 4 of 4: L2-SP with a fresh head.  (9.9) of notebooks/09_l2sp.ipynb."""

import numpy as np


def new_head(X, y, theta0, shared, frozen, alpha, beta):
    """Minimiser of  ‖Xθ − y‖²/(2n) + (α/2)‖θ_S − θ0_S‖² + (β/2)‖θ_N‖².   (9.9)

    S is where `shared` is True: weights that were pretrained. N is the rest: a new head,
    whose entries of `theta0` are only the random numbers it was initialised with.
    Where `frozen` is True a shared weight does not train at all: it keeps its value of
    `theta0`, and the minimum is taken over the other weights. `frozen` is never True on N.

    X (n, d), y (n,), theta0 (d,), shared and frozen (d,) of bool, alpha and beta floats
    > 0; returns θ* (d,). Mind the halves: this is the form of Li et al. 2018.

    Example: X = [[1, 0], [0, 2]], y = [2, 3], theta0 = [1, 9], shared = [True, False],
    nothing frozen, alpha = 0.5, beta = 1. The columns do not meet, and n = 2:
    θ_S = (2 + 2·0.5·1)/(1 + 2·0.5) = 1.5, θ_N = 6/(4 + 2·1) = 1.
    """
    # YOUR CODE: equation (9.9)
    raise NotImplementedError("not implemented yet: new_head, equation (9.9)")
