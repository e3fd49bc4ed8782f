"""Task 5 of 5: a training run with weight decay.  (15.2), (15.8) of the notebook."""

import numpy as np


def train_lora(X, Y, W0, A, B, alpha, lr, decay, steps):
    """Train A and B by gradient descent; weight decay acts on the factors.

    L = ‖X W'ᵀ − Y‖² / (2n),  W' = W0 + (α/r) B A
    J = L + (decay/2) (‖A‖² + ‖B‖²)

    Every step moves both factors by −lr times their gradients of J, both taken at the
    same point. W0 is frozen.

    X (n, in), Y (n, out), W0 (out, in); A (r, in) and B (out, r) at the start; alpha, lr,
    decay floats, decay >= 0; steps an int. Returns (A, B, losses): the trained factors,
    and L (without the decay) before every step and after the last, (steps + 1,).
    """
    # YOUR CODE: (15.2) and the decay
    raise NotImplementedError("not implemented yet: train_lora, (15.2) and the decay")
