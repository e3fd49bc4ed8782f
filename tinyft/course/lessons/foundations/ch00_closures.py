"""The first engine, of closures: chapter 00 builds it, measures it and replaces it.

    y = f(x),  y.pull():  x.grad += J^T y.grad                                      (1)

micrograd's idea (Karpathy 2020) with arrays for scalars: each result carries a function
that adds to the gradients of its inputs. Short and right, but y holds pull and pull holds
y: a reference cycle, so every array stays until Python's collector happens to run. The
library itself uses the tape of tinyft/autograd and nothing from here.
"""

import itertools

import numpy as np


class Value:
    """An array that knows what it was computed from and how to pass its gradient on."""

    __array_ufunc__ = None  # array * Value asks Value
    made = itertools.count()

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = np.asarray(data), 0.0, parents
        self.pull, self.order = lambda: None, next(Value.made)


def lift(x):
    """x itself if it is a Value, else x as a constant."""
    return x if isinstance(x, Value) else Value(x)


def fold(G, shape):
    """Sum G over the axes that broadcasting added to `shape` or expanded in it."""
    G = G.sum(axis=tuple(range(G.ndim - len(shape))))
    return G.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def mul(x, w):
    """x * w, with broadcasting."""
    x, w = lift(x), lift(w)
    y = Value(x.data * w.data, (x, w))

    def pull():  # "x.grad = x.grad + ...": what was used twice gets the sum
        x.grad = x.grad + fold(y.grad * w.data, x.data.shape)
        w.grad = w.grad + fold(y.grad * x.data, w.data.shape)

    y.pull = pull  # y holds pull, and pull holds y
    return y


def add(x, w):
    """x + w, with broadcasting."""
    x, w = lift(x), lift(w)
    y = Value(x.data + w.data, (x, w))

    def pull():
        x.grad = x.grad + fold(y.grad, x.data.shape)
        w.grad = w.grad + fold(y.grad, w.data.shape)

    y.pull = pull
    return y


def matmul(x, w):
    """x @ w for matrices."""
    x, w = lift(x), lift(w)
    y = Value(x.data @ w.data, (x, w))

    def pull():
        x.grad = x.grad + y.grad @ w.data.T
        w.grad = w.grad + x.data.T @ y.grad

    y.pull = pull
    return y


def total(x, axis=None, keepdims=False):
    """The sum over all entries, or over one axis."""
    y = Value(x.data.sum(axis=axis, keepdims=keepdims), (x,))

    def pull():
        G = y.grad if keepdims or axis is None else np.expand_dims(y.grad, axis)
        x.grad = x.grad + np.broadcast_to(G, x.data.shape)

    y.pull = pull
    return y


def entrywise(f, slope):
    """An operation on each entry; slope(x, y) is its derivative."""

    def op(x):
        y = Value(f(x.data), (x,))

        def pull():
            x.grad = x.grad + y.grad * slope(x.data, y.data)

        y.pull = pull
        return y

    return op


exp = entrywise(np.exp, lambda x, y: y)
log = entrywise(np.log, lambda x, y: 1 / x)
tanh = entrywise(np.tanh, lambda x, y: 1 - y * y)
sqrt = entrywise(np.sqrt, lambda x, y: 0.5 / y)
inverse = entrywise(np.reciprocal, lambda x, y: -y * y)

Value.__add__ = Value.__radd__ = add
Value.__mul__ = Value.__rmul__ = mul
Value.__neg__ = lambda x: mul(x, -1.0)
Value.__sub__ = lambda x, w: add(x, mul(w, -1.0))
Value.__truediv__ = lambda x, w: mul(x, inverse(w) if isinstance(w, Value) else 1 / w)
Value.__matmul__, Value.__rmatmul__ = matmul, lambda w, x: matmul(x, w)
Value.sum, Value.shape = total, property(lambda x: x.data.shape)


def nodes_of(y):
    """Everything that y was computed from and y, newest first."""
    nodes, stack = {y}, [y]
    while stack:
        new = [p for p in stack.pop().parents if p not in nodes]
        nodes.update(new)
        stack.extend(new)
    return sorted(nodes, key=lambda node: -node.order)


def backward(y):
    """Add d(sum of y)/dx to x.grad of every x that y was computed from.

    Newest first: a node's gradient is complete before the node passes it on.
    """
    y.grad = np.ones_like(y.data)
    for node in nodes_of(y):
        node.pull()


def gradients(f, *arrays):
    """[df/dx for every array x] by one walk; f(*Values) -> a Value with one entry."""
    xs = [Value(a) for a in arrays]
    backward(f(*xs))
    return [x.grad for x in xs]


def cutting_backward(y):
    """`backward` that cuts each node's cycle as it leaves it."""
    y.grad = np.ones_like(y.data)
    for node in nodes_of(y):
        node.pull()
        node.pull, node.parents = lambda: None, ()


def unordered_backward(y, first=True):
    """A wrong walk, to be studied: recursion without an order.

    Right on trees. Where a result was used twice, the node passes on at its second
    arrival what it had passed on before; and a long chain ends in RecursionError.
    """
    y.grad = np.ones_like(y.data) if first else y.grad
    y.pull()
    for parent in y.parents:
        unordered_backward(parent, False)
