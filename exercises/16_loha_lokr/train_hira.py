"""Task 4 of 4: a training run of HiRA.  (16.8) of notebooks/16_loha_lokr.ipynb."""

import numpy as np


def train_hira(X, Y, W0, A, B, lr, steps):
    """Train A and B of  W' = W0 + W0 ∘ (B A)  by gradient descent; W0 is frozen.  (16.8)

    L = ‖X W'ᵀ − Y‖² / (2n).  With G = ∂L/∂W' = (X W'ᵀ − Y)ᵀ X / n the gradients are
    ∂L/∂A = Bᵀ (G ∘ W0) and ∂L/∂B = (G ∘ W0) Aᵀ; ∘ is entry by entry.

    Every step moves both by −lr times their gradients, both taken at the same point.

    X (n, in), Y (n, out), W0 (out, in); A (r, in) and B (out, r) at the start; lr a
    float, steps an int. Returns (A, B, losses): the trained factors, and L before every
    step and after the last, (steps + 1,). Do not change the inputs.

    Example: X = [[1, 0], [1, 2]], Y = [[2, 1], [0, 3]], W0 = [[1, 2], [3, 1]],
    A = [[1, 1]], B = [[0], [1]], lr = 0.1, one step: W' = [[1, 2], [6, 2]],
    G = [[2, 5], [6, 7]], so B moves by −0.1 · [12, 25] to [[−1.2], [−1.5]], A by
    −0.1 · [18, 7] to [[−0.8, 0.3]], and the losses are 25 and 18.4705.
    """
    # YOUR CODE: (16.8)
    raise NotImplementedError("not implemented yet: train_hira, (16.8)")
