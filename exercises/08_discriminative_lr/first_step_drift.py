"""Task 3 of 4: feature drift.  (8.5), (8.6) of notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def first_step_drift(Ws, X, Y, rates):
    """The drift of each layer in the first SGD step, and Δh_L, to first order.

    The net is h_0 = X, h_l = tanh(W_l h_{l−1}) for l < L and h_L = W_L h_{L−1}; the loss
    is ‖h_L − Y‖²/(2N), N columns. The step is ΔW_l = −η_l g_l, g_l the gradient. To first
    order in all steps at once, a layer moves by its own step and by its moved input:
    (8.6) with tanh's slope, 1 − tanh². h_l of l < L drifts by tanh's slope times the
    change of W_l h_{l−1}.

    Ws = [W_1, …, W_L], W_l (d_l, d_{l−1}), X (d_0, N), Y (d_L, N), rates (L,).
    Returns (drift (L,), Δh_L (d_L, N)): drift_l = ‖Δh_l‖/‖h_l‖, Frobenius norms. Leave
    the inputs unchanged.

    Example: Ws = [[[1.]], [[2.]]], X = [[0.5]], Y = [[0.]], rates = [0.1, 0.2]: h_1 =
    0.4621, h_2 = 0.9242; drift = [0.06185, 0.10456], Δh_2 = −0.09664.
    """
    # YOUR CODE: equation (8.6)
    raise NotImplementedError("not implemented yet: first_step_drift, equation (8.6)")
