"""Runs beside the answer: the graph that the judge describes, as nodes.

A node's gradients are asked of the judge, who computes and counts them; one array for
two parents stays one array here.
"""


class Node:
    """A node, or a leaf, of the judge's graph."""

    def __init__(self, number, parents, pull):
        self.number, self.parents, self.pull = number, parents, pull

    def __repr__(self):
        return "a node" if self.parents else "a leaf"

    def backward(self, g):
        """One gradient for each parent."""
        return self.pull(self, g) if self.parents else ()


def walk(student, ask, parents, gy, factors=None):
    """[leaf's number, gradient] of the answer; or the kind of what it returned.

    parents: numbers of every node's parents, each after its own.  factors: the values
    of the nodes when all are products of two, so that no question is needed.
    """

    def asked(node, g):
        arrays, which = ask("backward", node.number, g)
        arrays = [g, *arrays]
        return tuple(arrays[i] for i in which)

    def product(node, g):
        a, b = node.parents
        return g * factors[b.number], g * factors[a.number]

    pull, nodes = asked if factors is None else product, []
    for number, own in enumerate(parents):
        nodes.append(Node(number, tuple(nodes[i] for i in own), pull))
    found = student.backward_walk(nodes[-1], gy)
    if not isinstance(found, dict):
        return "None" if found is None else type(found).__name__
    return [[getattr(node, "number", -1), g] for node, g in found.items()]
