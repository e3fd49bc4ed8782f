"""Task 1 of 4: PCGrad on a network with heads.  (25.2), (25.3) of the notebook."""

import numpy as np


def project_conflicts(G, uses, orders):
    """One step of PCGrad when each task uses only some of the parameters.

    A parameter is shared if two tasks or more use it. On the shared ones, for each task
    i and the others j in the order `orders[i]`:

        if g_i · g_j < 0:   g_i ← g_i − (g_i · g_j / |g_j|²) g_j                   (25.3)

    g_j is the original gradient of j, and dot products and lengths run over the shared
    parameters only. Parameters of one task keep their gradient; a g_j of zeros changes
    nothing.

    G (T, P) gradients, 0 where a task does not use a parameter; uses (T, P) of bool;
    orders: T lists, each of the other tasks' numbers. Returns
    (step (P,), the sum over tasks, left (T, T): g'_i · g_j after projecting over before,
    on the shared parameters).

    G = [[1, 0, 5], [-1, 1, 0]], uses = [[1, 1, 1], [1, 1, 0]], orders = [[1], [0]]: columns
    0 and 1 are shared, g_0' = [1, 0] + ½ [-1, 1] = [0.5, 0.5], g_1' = [0, 1], so step =
    [0.5, 1.5, 5], left = [[0.5, 0], [0, 1]].
    """
    # YOUR CODE: (25.3)
    raise NotImplementedError("not implemented yet: project_conflicts, (25.3)")
