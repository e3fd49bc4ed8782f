"""Task 4 of 4: drift over time.  (8.7), (8.10) of
notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def accumulated_drift(curvature, delta, lr, decay, steps, every):
    """|θ_{l,t} − θ_{l,0}| of each layer after t steps of gradient descent.     (8.7)

    Layer l of L has one weight, a quadratic of curvature k_l and its minimum at a
    distance δ_l from the start; its rate is η_l = η0 α^(L−l). Unfreezing is gradual:
    the top layer trains from the first step, and one more layer joins, from the top
    down, after `every` steps each; 0 lets all train from the first step      (8.10)

    curvature and delta (L,), from the input to the top, lr η0 and decay α floats,
    steps t and every ints >= 0. Returns (L,); no loop over the steps, t may be large.

    Example: curvature [1, 1], delta [4, −4], lr 0.5, decay 0.5: after 2 steps the drift
    is [1.75, 3] for every = 0, [1, 3] for every = 1 and [0, 3] for every = 2.
    """
    # YOUR CODE: (8.7), (8.10)
    count = len(curvature)
    above = count - np.arange(1, count + 1)
    rates = lr * decay**above
    own = np.maximum(0, steps - every * above)  # the steps that the layer takes
    left = (1 - rates * curvature) ** own
    return np.abs(1 - left) * np.abs(delta)
    # END YOUR CODE
