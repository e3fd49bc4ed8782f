"""Task 1 of 4: L2-SP has a closed form.  (9.3), (9.4) of notebooks/09_l2sp.ipynb."""

import numpy as np


def closed_form(X, Y, Theta0, lam, weight, loss="half_mean"):
    """Minimiser of  loss(XΘ − Y) + λ‖Θ − Θ0‖², where row i counts `weight[i]` times.

    With all weights 1 it is  (XᵀX + cI) Θ* = XᵀY + cΘ0, c from (9.4).         (9.3)
    With E = XΘ − Y (n, K) and w = Σ weight_i the loss is

    half_mean   Σ_i weight_i ‖E_i‖² / (2w)
    mean        Σ_i weight_i ‖E_i‖² / (wK), the weighted mean over all entries of E
    half_sum    Σ_i weight_i ‖E_i‖² / 2
    sum         Σ_i weight_i ‖E_i‖²

    X (n, d), Y (n, K), Theta0 (d, K), lam a float >= 0, weight (n,) >= 0, not all 0;
    returns Θ* (d, K), float64. Do not change the inputs.
    """
    # YOUR CODE: (9.3) and (9.4)
    raise NotImplementedError("not implemented yet: closed_form, (9.3) and (9.4)")
