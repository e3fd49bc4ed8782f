"""Task 3 of 4: one step of AdamW.  (1.10), (1.13) of notebooks/01_optimisers.ipynb."""

import numpy as np


def adam_step(theta, gradient, m, v, t, lr, betas=(0.9, 0.999), eps=1e-8, w=0.0):
    """One step of AdamW, number t = 1, 2, ...

    m ← β1 m + (1 − β1) g,   v ← β2 v + (1 − β2) g²                              (1.10)
    θ ← (1 − ηw) θ − η m̂ / (√v̂ + ε),   hats: divided by 1 − β^t                 (1.13)

    theta, gradient, m, v (d,); m and v are zero before step 1 and are kept without hats.
    Returns (θ, m, v), three new arrays; leave the inputs unchanged.
    """
    # YOUR CODE: (1.10), (1.13)
    raise NotImplementedError("not implemented yet: adam_step, (1.10), (1.13)")
