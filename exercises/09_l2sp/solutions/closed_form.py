"""Task 3 of 4: L2-SP has a closed form.  (9.3), (9.4) of notebooks/09_l2sp.ipynb."""

import numpy as np


def closed_form(X, Y, Theta0, weights, lam, loss="half_mean"):
    """Minimiser of  loss(XΘ − Y) + λ‖Θ − Θ0‖², where every example has a weight.

    (9.3) is for weights of 1. Here example i counts u_i = `weights`[i] times: with the
    residual E = XΘ − Y (n, K) and S = Σ_i u_i ‖E_i‖², over the rows E_i,

    loss        its value
    half_mean   S / (2n)
    mean        S / (nK)
    half_sum    S / 2
    sum         S

    n is the number of rows, whatever they weigh; with all u_i = 1 the constants are
    those of (9.4). X (n, d), Y (n, K), Theta0 (d, K), weights (n,) >= 0, lam a float
    >= 0; returns Θ* (d, K), float64. Do not change the inputs.

    Example: X = [[1], [2]], Y = [[3], [4]], Theta0 = [[1]], weights [1, 0.5], lam 0.25,
    half_mean: c = 2·2·0.25 = 1, so (1 + 0.5·4 + 1) Θ* = 3 + 0.5·8 + 1 and Θ* = [[2]].
    """
    # YOUR CODE: (9.3), (9.4), weighted
    n, d = X.shape
    K = Y.shape[1]
    c = lam * {"half_mean": 2 * n, "mean": n * K, "half_sum": 2, "sum": 1}[loss]
    Xu = weights[:, None] * X
    return np.linalg.solve(Xu.T @ X + c * np.eye(d), Xu.T @ Y + c * Theta0)
    # END YOUR CODE
