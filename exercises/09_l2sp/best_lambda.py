"""Task 2 of 4: the best λ.  Section 5 and (9.12) of notebooks/09_l2sp.ipynb."""

import numpy as np


def best_lambda(theta_true, theta0, sigma, n, kappa):
    """The λ ≥ 0 of least risk, and that risk, in the design XᵀX = nκI.

    The notebook has κ = 1; here the inputs are √κ times as large. Minimise the risk
    R(λ) = E‖θ*(λ) − θ_true‖² = bias² + variance                               (9.12)
    of L2-SP with the loss ‖Xθ − y‖²/(2n) + λ‖θ − θ0‖², y = Xθ_true + noise of standard
    deviation σ, over λ                                                        (9.13)

    theta_true and theta0 (d,) and different, sigma > 0, n >= d the number of rows,
    kappa > 0; returns (λ*, R*), two floats.

    Example: theta_true = [1, 2], theta0 = [0, 0], sigma = 1, n = 4, kappa = 1: least
    squares errs by v = 2/4, the start by ‖δ‖² = 5. (0.05, 0.4545).
    With kappa = 4 least squares errs by 2/16 only: (0.05, 0.1220).
    """
    # YOUR CODE: equation (9.13)
    raise NotImplementedError("not implemented yet: best_lambda, equation (9.13)")
