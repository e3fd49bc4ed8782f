"""Task 1 of 4: a broadcast product.  (0.3), (0.4) of notebooks/00_autograd.ipynb."""


def unbroadcast(g, shape):
    """The gradient of broadcasting: g summed over the axes that it made.       (0.4)

    Compared from the last axis, `shape` lacks some leading axes of g (broadcasting
    added them) and has a 1 in others (broadcasting expanded them).

    g an array, `shape` the operand's shape, a tuple; returns an array of that shape.
    """
    # YOUR CODE: (0.4)
    raise NotImplementedError("not implemented yet: unbroadcast, (0.4)")


def mul_backward(gy, x, w):
    """The gradients of x and w for y = x * w, given gy = dL/dy.               (0.3)

    x and w are arrays of any two shapes that broadcast, 0-d ones too; gy has the shape
    of x * w. Returns (gx, gw), shaped as x and w. Leave the inputs unchanged.
    """
    # YOUR CODE: (0.3)
    raise NotImplementedError("not implemented yet: mul_backward, (0.3)")
