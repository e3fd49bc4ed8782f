"""Task 1 of 4: a training run in which layers thaw.  Section 3 of the notebook."""

import numpy as np


def frozen_run(X, y, theta, v, thaw, lr, mu, decay, first, last):
    """SGD with momentum and weight decay on ‖Xθ − y‖²/(2n): steps first … last − 1.

    In step t only the entries with thaw <= t train. For these
        g = X ᵀ(Xθ − y)/n + decay·θ,   v ← mu·v + g,   θ ← θ − lr·v
    The others stay as they are, θ and v alike: no decay, no momentum, no memory.

    Example: X = [[1, 1]], y = [0], θ = [1, 1], v = [0, 0], thaw = [0, 1], lr = 0.1, mu = 0,
    decay = 0. Step 0: Xθ − y = 2, so g = 2 for both, but only entry 0 moves: [0.8, 1].
    Step 1 moves both: Xθ − y = 1.8, so θ = [0.62, 0.82].

    A run can be cut anywhere: first = 0, last = 9 is the same as first = 0, last = 4 and
    then first = 4, last = 9 from the θ and v that came back.

    X (n, d), y (n,), theta, v (d,), thaw (d,) ints; lr, mu, decay floats; first, last ints.
    Returns (theta, v), new arrays.
    """
    # YOUR CODE: section 3
    theta, v = theta.copy(), v.copy()
    for t in range(first, last):
        on = thaw <= t
        g = X.T @ (X @ theta - y) / len(y) + decay * theta
        v[on] = mu * v[on] + g[on]
        theta[on] -= lr * v[on]
    return theta, v
    # END YOUR CODE
