"""Task 3 of 4: feature drift.  (8.5), (8.6) of notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def first_step_drift(Ws, X, Y, rates):
    """The drift of each layer in the first SGD step, and Δh_L, to first order.

    The net is h_0 = X, h_l = W_l h_{l−1}; the loss is ‖h_L − Y‖²/(2N), N columns.
    The step is ΔW_l = −η_l g_l with the gradient (8.5); the drift is           (8.6)
    Δh_l = Σ_{j≤l} W_l ⋯ W_{j+1} ΔW_j h_{j−1}: it starts in every layer below, too.

    Ws = [W_1, …, W_L], W_l (d_l, d_{l−1}), X (d_0, N), Y (d_L, N), rates (L,).
    Returns (drift (L,), Δh_L (d_L, N)): drift_l = ‖Δh_l‖/‖h_l‖, Frobenius norms. Leave
    the inputs unchanged.
    """
    # YOUR CODE: (8.5) and (8.6)
    h = [X]
    for W in Ws:
        h.append(W @ h[-1])
    back = (h[-1] - Y) / X.shape[1]  # the gradient at h_L, then at h_{L−1}, …
    steps = []
    for W, below, lr in zip(Ws[::-1], h[-2::-1], rates[::-1]):
        steps.insert(0, -lr * back @ below.T)
        back = W.T @ back
    drift, relative = np.zeros_like(X), []
    for W, step, below, here in zip(Ws, steps, h, h[1:]):
        drift = W @ drift + step @ below
        relative.append(np.linalg.norm(drift) / np.linalg.norm(here))
    return np.array(relative), drift
    # END YOUR CODE
