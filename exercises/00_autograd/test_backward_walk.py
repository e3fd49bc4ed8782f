"""Grader of backward_walk: expression graphs, differentiated by the complex step.

Bounds: graphs of at most 20 operations, rounding below 1e-14.
"""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10
EQ = "(0.2)"
ONCE = "a node passes its gradient on more than once"
PARTIAL = "a node passes on what came first, before the rest is there"
AGAIN = "what a node has passed on already is passed on again"
LAST = "a second gradient replaces the first: they are not added"
START = "the walk starts with 1, not with gy"
TWICE = "a parent that stands twice in `parents` is counted once"
SINGLE = "only one of the gradients of a parent that stands twice is taken"
SWAPPED = "the gradients go to the parents in reverse order"


class Node:
    """A value with its parents; `backward` gives one gradient per parent, and counts."""

    def __init__(self, value, parents=(), pull=None):
        self.value, self.parents, self.pull = value, parents, pull
        self.calls, self.most = 0, None

    def __repr__(self):  # for the learner's messages
        return "a leaf" if not self.parents else "a node"

    def backward(self, g):
        self.calls += 1
        if self.most is not None and self.calls > self.most:
            said = "wait until every use has sent its part; then call backward once"
            fail(ONCE, said, equation=EQ)
        return self.pull(g)


def add(a, b):
    return Node(a.value + b.value, (a, b), lambda g: (g, g))  # one array for both


def mul(a, b):
    return Node(a.value * b.value, (a, b), lambda g: (g * b.value, g * a.value))


def sub(a, b):
    return Node(a.value - b.value, (a, b), lambda g: (g, -g))


def triple(a):
    return Node(3 * a.value, (a,), lambda g: (3 * g,))


def sin(a):
    return Node(np.sin(a.value), (a,), lambda g: (g * np.cos(a.value),))


# --- graphs: leaves to the last node -------------------------------------------------


def square(x):
    return mul(x, x)


def bow(x):
    """h = 3x; sin(sin h) + h·h: h stands twice in one node and is used in another."""
    h = triple(x)
    return add(sin(sin(h)), mul(h, h))


def bow_turned(x):
    h = triple(x)
    return add(mul(h, h), sin(sin(h)))


def ladder(x):
    """b = a + a, c = b + b, ...: a short way and a long way into every node."""
    b = add(x, x)
    c = add(b, sin(b))
    return mul(c, add(c, b))


def crossed(x, w):
    """A node is used at once and again much later, whichever parent comes first."""
    a = mul(x, w)
    b = sin(a)
    c = mul(sin(b), x)
    d = sub(c, a)  # a: once more, after b and c
    e = mul(d, b)  # b: once more
    return add(mul(w, e), mul(e, d))


def braid(x, w, b):
    """Three leaves; b is used at the top and at the bottom."""
    a = sub(mul(x, b), w)
    c = mul(sin(a), sub(w, a))
    return sub(mul(c, c), mul(sub(b, c), a))


def right(build, gy, *values):
    """d Σ gy·y / d leaf by the complex step; y is computed entry by entry."""
    found, h = [], 1e-30
    for i in range(len(values)):
        moved = [Node(v + 1j * h * (i == k)) for k, v in enumerate(values)]
        found.append(gy * build(*moved).value.imag / h)
    return tuple(found)


# --- walks that are wrong ------------------------------------------------------------


def in_order(y):
    """Every node, each after all that use it."""
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(y)
    return order[::-1]


def replacing(y, gy):
    found = {y: gy}
    for node in in_order(y):
        if node.parents:
            found.update(zip(node.parents, node.pull(found[node])))
    return found


def adding(y, gy, pairs):
    """The right walk, but for which gradient goes to which parent."""
    sums = {y: gy}
    for node in in_order(y):
        if node.parents:
            for parent, g in pairs(node.parents, node.pull(sums[node])):
                sums[parent] = sums.get(parent, 0) + g
    return sums


def counted_once(y, gy, place):
    """Uses are counted in set(node.parents): ready too early, and late parts are lost."""
    uses = {}
    for node in in_order(y):
        for parent in set(node.parents):
            uses[parent] = uses.get(parent, 0) + 1
    sums, ready, found = {y: gy}, [y], {}
    while ready:
        node = ready.pop(place)
        g = found[node] = sums.pop(node)
        for parent, gp in zip(node.parents, node.pull(g) if node.parents else ()):
            sums[parent] = sums.get(parent, 0) + gp
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return found


def partial(y, gy, place):
    """Each node is taken once, at its first arrival, from the end or the front."""
    sums, waiting, seen = {y: gy}, [y], {y}
    while waiting:
        node = waiting.pop(place)
        if not node.parents:
            continue
        for parent, g in zip(node.parents, node.pull(sums[node])):
            sums[parent] = sums.get(parent, 0) + g
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return sums


def again(y, gy):
    """Each arrival passes on the whole sum, with what went before."""
    sums = {y: gy}

    def visit(node):
        if node.parents:
            for parent, g in zip(node.parents, node.pull(sums[node])):
                sums[parent] = sums.get(parent, 0) + g
            for parent in node.parents:
                visit(parent)

    visit(y)
    return sums


def mistakes(build, gy, values):
    def run(walk):
        leaves = [Node(v) for v in values]
        found = walk(build(*leaves), gy)
        return tuple(found[leaf] for leaf in leaves)

    def reverse(parents, gs):
        return zip(parents, gs[::-1])

    return {
        LAST: run(replacing),
        PARTIAL: run(lambda y, g: partial(y, g, -1)),
        f"{PARTIAL} (by layers)": run(lambda y, g: partial(y, g, 0)),
        AGAIN: run(again),
        START: right(build, 1 + 0 * gy, *values),
        TWICE: run(lambda y, g: counted_once(y, g, -1)),
        f"{TWICE} (by layers)": run(lambda y, g: counted_once(y, g, 0)),
        SINGLE: run(lambda y, g: adding(y, g, lambda *two: dict(zip(*two)).items())),
        SWAPPED: run(lambda y, g: adding(y, g, reverse)),
    }


# --- the answer's walk: its nodes ask for their gradients here -----------------------


def numbered(y):
    """Every node, each after its parents; without recursion."""
    order, stack, seen = [], [(y, False)], set()
    while stack:
        node, complete = stack.pop()
        if complete:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((parent, False) for parent in node.parents)]
    return order


def backward_walk(student, y, gy, products=False):
    """The answer's {leaf: gradient}; every `backward` is computed and counted here.

    products: all nodes are products of two, and the answer's process computes them.
    """
    nodes = numbered(y)
    place = {node: number for number, node in enumerate(nodes)}
    parents = [[place[parent] for parent in node.parents] for node in nodes]

    def backward(name, number, g):
        arrays, which = [g], []
        for gp in nodes[number].backward(g):
            same = [i for i, one in enumerate(arrays) if one is gp]
            which.append(same[0] if same else len(arrays))
            arrays += [] if same else [gp]
        return arrays[1:], which

    factors = np.array([float(node.value) for node in nodes]) if products else None
    found = student.drive("walk", parents, gy, factors, ask=backward)
    if not isinstance(found, list):
        said = "return {leaf: gradient} with the leaves of the graph as keys"
        fail(f"backward_walk returned {found}, not a dict", said, equation=EQ)
    return {nodes[number]: g for number, g in found if 0 <= number < len(nodes)}


def gradients(student, build, gy, *values):
    """The learner's gradients of the leaves, in order."""
    leaves = tuple(Node(v) for v in values)
    found = backward_walk(student, build(*leaves), gy)
    if not set(leaves) <= set(found):
        said = "each leaf that y was computed from is a key, and its gradient the value"
        fail("a leaf is missing in the dict", said, equation=EQ)
    if len(found) > len(leaves):
        said = (
            "return the leaves only: pop the others as you pass, to free their memory"
        )
        fail("gradients of intermediate nodes are kept", said, equation=EQ)
    return tuple(found[leaf] for leaf in leaves)


def check(student, build, gy, *values):
    want = right(build, gy, *values)
    compare(
        gradients(student, build, gy, *values),
        want=want,
        mistakes=mistakes(build, gy, values),
        tol=TOL,
        equation=EQ,
        called=f"backward_walk on the graph `{build.__name__}` of the test",
    )


@pytest.mark.points(2)
@pytest.mark.draws((square, ()), (bow, (4,)), (bow_turned, (2, 3)))
def test_twice(student, rng, draw):
    """x·x, and sin(sin h) + h·h with h = 3x: a node that is a parent twice."""
    build, shape = draw
    x, gy = (np.asarray(rng.uniform(0.5, 0.9, size=shape)) for _ in range(2))
    check(student, build, gy + 1.5, x)


@pytest.mark.points(2)
@pytest.mark.draws((3,), (), (2, 5))
def test_ladder(student, rng, draw):
    """A ladder: b = x + x, c = b + sin b, y = c (c + b)."""
    x, gy = (np.asarray(rng.uniform(0.5, 1.0, size=draw)) for _ in range(2))
    check(student, ladder, gy + 1.0, x)


@pytest.mark.points(2)
@pytest.mark.draws((crossed, 2, (4,)), (braid, 3, (2, 3)), (braid, 3, ()))
def test_crossed(student, rng, draw):
    """Two and three leaves, and nodes that are used early and late."""
    build, leaves, shape = draw
    values = [np.asarray(rng.uniform(0.6, 1.4, size=shape)) for _ in range(leaves)]
    check(student, build, rng.uniform(1.6, 2.4, size=shape) + 0 * values[0], *values)


def test_each_node_once(student):
    """Sixteen doublings have 65,536 paths, and 16 calls of backward are enough."""
    x = y = Node(np.array(1.0))
    for _ in range(16):
        y = add(y, y)
        y.most = 1
    found = backward_walk(student, y, np.array(1.0))
    compare(
        found.get(x),
        want=2.0**16,
        mistakes={LAST: 1.0, SINGLE: 1.0},
        tol=TOL,
        equation=EQ,
        called="backward_walk on 16 doublings",
    )


def test_shared_arrays(student, rng):
    """y = (x + w) + x: addition hands one array to both; gy belongs to the caller."""
    x, w, gy = (rng.normal(size=3) for _ in range(3))
    found = gradients(student, lambda x, w: add(add(x, w), x), gy, x, w)
    if "gy" in student.changed or not np.array_equal(found[1], gy):
        fail(
            "a gradient that others hold was changed in place",
            "write sums[parent] = sums[parent] + g, not +=",
            equation=EQ,
        )
    compare(
        found,
        want=(2 * gy, gy),
        mistakes={LAST: (gy, gy)},
        tol=TOL,
        equation=EQ,
    )


def test_long_chain(student):
    """A chain of 10,000 nodes, and a leaf alone."""
    x = y = Node(np.array(1.0))
    for _ in range(10_000):
        y = mul(y, Node(np.array(1.0001)))
    try:
        found = backward_walk(student, y, np.array(1.0), products=True)
    except RecursionError:
        fail(
            "the walk calls itself, and Python allows about 1000 nested calls",
            "use a loop and a list as a stack",
            equation=EQ,
        )
    compare(found.get(x), want=1.0001**10_000, tol=TOL, equation="(0.1)")
    leaf, gy = Node(np.array(2.0)), np.array(7.0)
    found = backward_walk(student, leaf, gy)
    compare(found.get(leaf), want=7.0, tol=TOL, equation="(0.1)")
