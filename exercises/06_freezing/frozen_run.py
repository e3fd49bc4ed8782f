"""Task 1 of 4: a training run in which layers thaw.  Section 3 of the notebook."""

import numpy as np


def frozen_run(X, y, theta, v, thaw, lr, mu, decay, first, last):
    """SGD with momentum and weight decay on ‖Xθ − y‖²/(2n): steps first … last − 1.

    In step t only the entries with thaw <= t train. For these
        g = X ᵀ(Xθ − y)/n + decay·θ,   v ← mu·v + g,   θ ← θ − lr·v
    The others stay as they are, θ and v alike: no decay and no step, and v is kept until
    the entry thaws.

    Example: X = [[1, 1], [1, 0]], y = [0, 2], θ = [1, 1], v = [1, 1], thaw = [0, 1],
    lr = 0.1, mu = 0.5, decay = 0.2. Step 0: Xθ − y = [2, −1], so g = [0.7, 1.2], but only
    entry 0 trains: v = [1.2, 1], θ = [0.88, 1]. Step 1 trains both: Xθ − y =
    [1.88, −1.12], g = [0.556, 1.14], v = [1.156, 1.64], θ = [0.7644, 0.836].

    A run can be cut anywhere: first = 0, last = 9 is the same as first = 0, last = 4 and
    then first = 4, last = 9 from the θ and v that came back.

    X (n, d), y (n,), theta, v (d,), thaw (d,) ints; lr, mu, decay floats; first, last ints.
    Returns (theta, v), new arrays.
    """
    # YOUR CODE: section 3
    raise NotImplementedError("not implemented yet: frozen_run, section 3")
