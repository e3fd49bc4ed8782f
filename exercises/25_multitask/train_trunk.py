"""Task 4 of 4: train a trunk with two heads.  (25.3), (25.5), (25.11) of the notebook."""

import numpy as np


def train_trunk(X, Y, B, V, lr, steps, way):
    """Gradient descent on two regressions that share a linear trunk.

    prediction t = X_t Bᵀ v_t,   r_t = X_t Bᵀ v_t − y_t,   L_t = |r_t|²/n_t
    ∂L_t/∂B = 2/n_t v_t (X_tᵀ r_t)ᵀ,   ∂L_t/∂v_t = 2/n_t B X_tᵀ r_t                (25.11)

    way = "sum":          the loss is L_0 + L_1
    way = "pcgrad":       the same, but B's two gradients are projected (25.3)
    way = "uncertainty":  the loss is Σ_t ½ e^(−s_t) L_t + ½ s_t (25.5); s starts at log L
                          before the first step and is trained too, with the same lr

    All gradients of a step are taken at the same point.

    X: 2 arrays (n_t, d), n_t may differ; Y: 2 arrays (n_t,); B (k, d); V (2, k), a row per
    task; lr float; steps int; way str. Do not change the inputs. Returns
    (B, V, losses (steps + 1, 2): L_0 and L_1 before every step and after the last).

    X = [[[1, 0], [0, 1]], [[1, 1]]], Y = [[1, 0], [-1]], B = [[1, 0]], V = [[2], [1]],
    lr = 0.1, one step: r_0 = [1, 0], r_1 = [2]; the gradients of B are [[2, 0]], [[4, 4]].
    "sum": B = [[0.4, -0.4]], V = [[1.9], [0.6]], losses = [[0.5, 4], [0.3176, 1]].
    "uncertainty": s = [-0.6931, 1.3863], the weights ½e^(−s) are 1 and 0.125, so
    B = [[0.75, -0.05]], V = [[1.9], [0.95]]. With y_1 = [3], r_1 = [-2] and "pcgrad":
    [[2, 0]] · [[-4, -4]] < 0, so the projected ones are [[1, -1]] and [[0, -4]].
    """
    # YOUR CODE: (25.11)
    raise NotImplementedError("not implemented yet: train_trunk, (25.11)")
