"""Task 2 of 4: a LoRA layer that keeps r numbers per token.  (19.3) of the notebook."""


def lean_forward(x, W, A, B, s):
    """y = x Wᵀ + s (x Aᵀ) Bᵀ, and what backward will need: r numbers per token.

    W and A are frozen, B trains. x (..., in), any number of batch axes; W (out, in),
    A (r, in), B (out, r), s a float. Returns (y, kept): y (..., out) and kept (..., r).
    r is smaller than `in`, so kept cannot be x; choose what it is.
    """
    # YOUR CODE: forward
    raise NotImplementedError("not implemented yet: lean_forward, forward")


def lean_backward(gy, kept, W, A, B, s):
    """(gB, gx) from gy = ∂L/∂y and what lean_forward returned as `kept`.

    gy (..., out) is the gradient of the loss already: sum over all batch axes, divide by
    nothing. gB has B's shape, gx that of x: the layer below needs it.

    Example, for one token: x = [1, 2], W = [[1, 0], [0, 1], [2, 1]], A = [[3, 1]],
    B = [[1], [0], [2]], s = 2. A x = 5, y = [1, 2, 4] + 2·5·[1, 0, 2] = [11, 2, 24].
    With gy = [1, 1, −1]: gB = [[10], [10], [−10]]; Wᵀgy = [−1, 0], Bᵀgy = −1, so
    gx = [−1, 0] + 2·(−1)·[3, 1] = [−7, −2].
    """
    # YOUR CODE: backward
    raise NotImplementedError("not implemented yet: lean_backward, backward")
