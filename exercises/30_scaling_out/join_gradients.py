"""Task 1 of 4: join the gradients of all ranks.  (30.1) of the notebook."""

import numpy as np


def join_gradients(G, losses, n, max_norm):
    """The gradient of the whole batch from those of its parts, cut to a norm.

    G (p, N): row r is the gradient of rank r's *mean* loss over its n[r] targets;
    losses (p,): those mean losses;  n (p,) whole numbers >= 0;  max_norm > 0.
    A mean over no target is 0/0: where n[r] is 0, row r of G and losses[r] are NaN and
    do not count. At least one rank has a target. Do not change the inputs.

    Returns (g (N,): the gradient of the mean loss over all targets, scaled so that its
    norm is at most max_norm;  norm: its norm before that;  loss: the mean loss over all
    targets).

    G = [[3, 0], [NaN, NaN], [0, 4]], losses = [1, NaN, 5], n = [3, 0, 1], max_norm = 10:
    g = [9/4, 1] = [2.25, 1], norm = 2.4622, loss = 2. With max_norm = 1 the same norm and
    loss, and g = [0.9138, 0.4061].
    """
    # YOUR CODE: (30.1)
    raise NotImplementedError("not implemented yet: join_gradients, (30.1)")
