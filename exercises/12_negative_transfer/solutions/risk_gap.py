"""Task 4 of 4: does this source harm?  (12.7), (12.8) of the notebook."""

import numpy as np


def risk_gap(X, Sigma, theta_T, theta0, lam):
    """The transfer gap in closed form, and how much of the source to take.

    Both methods minimise ‖Xθ − y‖²/(2n) + λ‖θ − start‖² with y = Xθ_T + noise: transfer
    starts from θ0, scratch from 0. The risk is E (θ − θ_T)ᵀ Σ (θ − θ_T), Σ the second
    moments of new inputs.

    gap     risk of transfer minus risk of scratch                              (12.8)
    s       the number s for which starting from s·θ0 has the least risk

    X (n, d), Sigma (d, d) symmetric, theta_T (d,), theta0 (d,) not zero, lam > 0.
    Returns two floats.

    Example: X = [[2, 0], [0, 1]], Sigma = [[1, 0], [0, 1]], theta_T = [1, 1],
    theta0 = [1, -1], lam = 0.5 gives (1.2222, -0.6): this source harms.
    """
    # YOUR CODE: (12.8), and the best s
    n, d = X.shape
    A = np.linalg.inv(X.T @ X + 2 * n * lam * np.eye(d))
    Q = (2 * n * lam) ** 2 * A @ Sigma @ A
    size, along = theta0 @ Q @ theta0, theta0 @ Q @ theta_T
    return float(size - 2 * along), float(along / size)
    # END YOUR CODE
