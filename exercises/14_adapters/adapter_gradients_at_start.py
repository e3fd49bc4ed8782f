"""Task 3 of 4: the first two steps.  Equation (14.3) of notebooks/14_adapters.ipynb."""

import numpy as np


def adapter_gradients_at_start(h, g, D, b, scale=1.0):
    """Gradients of an adapter that starts as the identity: U = 0, c = 0, tanh inside.

    y' = y + s·(U tanh(D h + b) + c);   g = ∂L/∂y' comes from above        (14.3)

    h (..., k) what the adapter reads, g (..., d), any number of batch axes; D (m, k),
    b (m,). Returns (gD, gb, gU, gc), the gradients of L with respect to D (m, k),
    b (m,), U (d, m), c (d,); L sums over the batch already.

    Example: h = [[2, 1], [0, 1]], g = [[1, 0], [2, 1]], D = [[1, −1]], b = [0.5] and
    scale = 2 give gD = [[0, 0]], gb = [0], gU = [[−0.038], [−0.924]], gc = [6, 2].
    """
    # YOUR CODE: (14.3)
    raise NotImplementedError("not implemented yet: adapter_gradients_at_start, (14.3)")


def two_steps(h, g, D, b, lr, scale=1.0):
    """(D, b, U, c) after two steps of gradient descent from that start, at rate lr.

    L = Σ g∘y' with a fixed g, so ∂L/∂y' is g in both steps. h (B, k), g (B, d).
    Example: the one above with lr = 0.1 gives D = [[1, −1.016]], b = [0.484],
    U = [[0.008], [0.185]], c = [−1.2, −0.4].
    """
    # YOUR CODE: the chain rule, twice
    raise NotImplementedError("not implemented yet: two_steps, the chain rule, twice")
