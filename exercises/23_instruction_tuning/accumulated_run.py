"""Task 3 of 4: a training run with accumulation and clipping.  (23.5) of chapter 23."""

import numpy as np


def accumulated_run(W, steps, lr, most):
    """Gradient descent on a softmax model, each step from several micro-batches.

    A micro-batch is (X, y): X (n, d) inputs, y (n,) classes, −100 where a row does not
    count. The loss of a step is

        L = Σ −log p(y_i) / N,    p = softmax(x_i W),

    the sum over all counted rows of all its micro-batches, N their number: what one large
    batch would give. Its gradient is scaled down to the norm `most` if it is longer
    (once, the whole of it), then W moves by −lr times it. A step in which nothing counts
    leaves W as it is, and its loss is 0.

    Example: two classes, d = 1, W = [[0, 0]], one step of the micro-batches
    X = [[2], [4]], y = [0, −100] and X = [[4], [4], [6]], y = [1, 0, 1]: N = 4 and
    L = log 2. The rows' gradients are x (p − e_y) with p = (½, ½): (−1, 1), (2, −2),
    (−2, 2), (3, −3), so ∂L/∂W = (2, −2)/4 = (½, −½), of norm 0.707. With lr = 0.2 and
    most = 0.5 it becomes (0.354, −0.354), and W = [[−0.0707, 0.0707]].

    Some x_i W are in the thousands: exp alone would overflow.

    W (d, K); steps: a list of lists of micro-batches; lr, most floats > 0. Returns (W,
    losses): the trained W and L before every step, (number of steps,). W itself stays.
    """
    # YOUR CODE: (23.5)
    raise NotImplementedError("not implemented yet: accumulated_run, (23.5)")
