"""Task 4 of 4: the walk back.  (0.1), (0.2) of notebooks/00_autograd.ipynb."""


def backward_walk(y, gy):
    """The gradient of every leaf that y was computed from, as {leaf: gradient}.

    A node has `node.parents`, a tuple of the nodes it was computed from, () for a leaf
    (x * x has the parents (x, x)), and `node.backward(g)`, which takes the gradient of
    the node and returns one gradient for each parent, in their order.          (0.1)

    A node that was used several times has the sum of what comes back           (0.2)
    and passes it on once, when it is complete. Chains of 10,000 nodes are normal.
    Nodes can be keys of a dict. Arrays may be shared: change none of them in place.

    y the last node, gy its gradient, an array. Returns a dict with the leaves only.
    """
    # YOUR CODE: (0.2)
    raise NotImplementedError("not implemented yet: backward_walk, (0.2)")
