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
    uses, stack = {}, [y]
    while stack:
        for parent in stack.pop().parents:
            if parent not in uses:
                uses[parent] = 0
                stack.append(parent)
            uses[parent] += 1
    sums, ready, found = {y: gy}, [y], {}
    while ready:
        node = ready.pop()
        g = sums.pop(node)
        if not node.parents:
            found[node] = g
            continue
        for parent, gp in zip(node.parents, node.backward(g)):
            sums[parent] = sums[parent] + gp if parent in sums else gp
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return found
    # END YOUR CODE
