"""Task 4 of 4: the best λ.  (9.12), (9.13) of notebooks/09_l2sp.ipynb."""

import numpy as np


def best_lambda(theta_true, theta0, sigma, n):
    """The λ ≥ 0 of least risk, and that risk, in the isotropic design XᵀX = nI.

    R(λ) = E‖θ*(λ) − θ_true‖² = bias² + variance                               (9.12)
    for y = Xθ_true + noise of standard deviation σ; minimise it over λ          (9.13)

    theta_true and theta0 (d,) and different, sigma > 0, n >= d the number of rows;
    returns (λ*, R*), two floats.
    """
    # YOUR CODE: equation (9.13)
    raise NotImplementedError("not implemented yet: best_lambda, equation (9.13)")
