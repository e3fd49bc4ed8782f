"""Task 4 of 4: a run that must not leave its subspace.  (26.7) of the notebook."""

import numpy as np


def protected_run(W0, X_old, X, Y, lr, steps):
    """Adam on a new task, while the layer's outputs on old inputs stay what they are.

    V: an orthonormal basis of the span of the rows of X_old, in which lie all inputs
    that must be protected. After each of Adam's steps

    W ← W0 + (W − W0)(I − V Vᵀ)                                              (26.7)

    Adam itself sees the unprojected gradient of |X Wᵀ − Y|²/2n: m and v start at 0,

    m ← 0.9 m + 0.1 g,  v ← 0.999 v + 0.001 g²,
    W ← W − lr · (m/(1 − 0.9^t)) / (√(v/(1 − 0.999^t)) + 1e-8),  t = 1, 2, ...

    W0 (out, in); X_old (a, in), its rank may be below a and is below in: singular
    values under 1e-10 of the largest are rounding; X (n, in), Y (n, out), lr float, steps
    int. Do not change the inputs. Returns (W, losses): the loss before every step and
    after the last, (steps + 1,).

    W0 = [[0, 0], [1, 0]], X_old = [[3, 4], [6, 8]], X = [[1, 0], [0, −2]], Y = [[1, 2],
    [3, 4]], lr = 0.1, one step: V = [0.6, 0.8]ᵀ up to its sign, g = [[−0.5, 3],
    [−0.5, 4]]; Adam alone would add [0.1, −0.1] to each row, of which D V = −0.02 is
    taken away again: W = [[0.112, −0.084], [1.112, −0.084]], losses = (6.75, 6.0704).
    """
    # YOUR CODE: (26.7)
    raise NotImplementedError("not implemented yet: protected_run, (26.7)")
