"""Task 4 of 4: drift over time.  (8.7) of notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def accumulated_drift(curvature, delta, lr, decay, steps):
    """|θ_{l,t} − θ_{l,0}| of each layer after t steps of gradient descent.     (8.7)

    Layer l of L has one weight, a quadratic of curvature k_l and its minimum at a
    distance δ_l from the start; its rate is η_l = η0 α^(L−l).

    curvature and delta (L,), from the input to the top, lr η0 and decay α floats,
    steps t an int >= 0. Returns (L,); no loop over the steps, t may be large.
    """
    # YOUR CODE: equation (8.7)
    count = len(curvature)
    rates = lr * decay ** (count - np.arange(1, count + 1))
    left = (1 - rates * curvature) ** steps
    return np.abs(1 - left) * np.abs(delta)
    # END YOUR CODE
