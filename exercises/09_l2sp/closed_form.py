"""Task 1 of 4: L2-SP has a closed form.  (9.3), (9.4) of notebooks/09_l2sp.ipynb."""

import numpy as np


def closed_form(X, Y, Theta0, lam, loss="half_mean"):
    """Minimiser of  loss(XΘ − Y) + λ‖Θ − Θ0‖²:  (XᵀX + cI) Θ* = XᵀY + cΘ0   (9.3)

    loss        its value on the residual E = XΘ − Y (n, K)        c = (9.4)
    half_mean   ‖E‖² / (2n)
    mean        ‖E‖² / (nK), the mean over all entries of E
    half_sum    ‖E‖² / 2
    sum         ‖E‖²

    X (n, d), Y (n, K), Theta0 (d, K), lam a float >= 0; returns Θ* (d, K), float64.
    Do not change the inputs.
    """
    # YOUR CODE: (9.3) and (9.4)
    raise NotImplementedError("not implemented yet: closed_form, (9.3) and (9.4)")
