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
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    decayed = (1 - lr * w) * theta
    return decayed - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
    # END YOUR CODE
