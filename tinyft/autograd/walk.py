"""The walk: from the outputs back to the leaves, the newest operation first.

A node is created before every node that uses its output. So the newest node always has
its whole gradient already: the sum over everything it went into (the chain rule of
several variables; d(x·x)/dx at 3 is 6). The walk is a loop over a heap, not a recursion:
a chain of any length works. Gradients live in a local dict and are popped.
"""

import heapq

from tinyft import backend
from tinyft.autograd.function import Node
from tinyft.autograd.mode import enable_grad, mode
from tinyft.autograd.tensor import Tensor, use_walk


def backward(outputs, gradients, retain_graph=False, create_graph=False):
    """Add d(sum of outputs · gradients)/d(leaf) to `.grad` of every leaf that wants it."""

    def deliver(leaf, g):
        leaf.accumulate_grad(g if create_graph else Tensor._of(g, None))

    _walk(outputs, gradients, deliver, retain_graph, create_graph)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=False,
):
    """Return d(sum of outputs · grad_outputs)/d(inputs) as Tensors; `.grad` is
    untouched.

    As `torch.autograd.grad`: `inputs` may be leaves or results; an input that the
    outputs do not depend on raises, or gives None with `allow_unused`. With
    `create_graph=True` the result can be differentiated again.
    """
    outputs, single = _sequence(outputs), isinstance(inputs, Tensor)
    inputs = _sequence(inputs)
    keys = [id(x._node or x) for x in inputs]
    found = {}

    def deliver(target, g):
        found[id(target)] = g if create_graph else Tensor._of(g, None)

    keep = create_graph if retain_graph is None else retain_graph
    starts = [None] * len(outputs) if grad_outputs is None else _sequence(grad_outputs)
    _walk(outputs, starts, deliver, keep, create_graph, stops=set(keys))
    for i, key in enumerate(keys):
        if key not in found and not allow_unused:
            raise RuntimeError(
                f"grad(): input {i}, of shape {inputs[i].shape}, was not used to compute "
                "the outputs, or does not require a gradient"
            )
    return found.get(keys[0]) if single else tuple(found.get(key) for key in keys)


def _sequence(x):
    return [x] if isinstance(x, Tensor) else list(x)


def _walk(outputs, gradients, deliver, retain_graph, create_graph, stops=()):
    """Pop nodes from the newest to the oldest; each has all its gradient by then."""
    arriving, frees = _Arriving(create_graph), not retain_graph and not create_graph
    for y, g in zip(outputs, gradients):
        start = _starting_gradient(y, g)
        arriving.add(y._node or y, start if create_graph else start._data)
        arriving.given.add(id(start._data))  # the caller's array: no leaf may share it
    while arriving.heap:
        key, node, gy = arriving.take_newest()
        if key in stops:
            deliver(node, gy if create_graph else backend.as_array(gy))
        if node.parents is None:
            raise RuntimeError(
                f"backward() came to {node.function.__name__}, whose saved values an "
                "earlier backward() has freed; pass retain_graph=True to that one"
            )
        node.spent = frees
        for parent, gx in zip(node.parents, _gradients(node, gy, create_graph)):
            if parent is not None and gx is not None:
                arriving.add(parent, gx)
        if frees:
            node.parents = node.saved_here = None
            node.__dict__.clear()
    for key, leaf in arriving.leaves.items():
        deliver(leaf, arriving.unshared(key))


class _Arriving:
    """Gradients on their way: id(node or leaf) -> the sum of what has come so far."""

    def __init__(self, create_graph):
        self.create_graph = create_graph
        self.sums, self.leaves, self.heap = {}, {}, []
        self.own, self.given = set(), set()  # ids: of sums made here, of arrays given

    def add(self, target, g):
        key = id(target)
        if key not in self.sums:
            self.sums[key] = g
            if type(target) is Node:
                heapq.heappush(self.heap, (-target.order, key, target))
            else:
                self.leaves[key] = target
        elif key in self.own:
            self.sums[key] += g
        else:  # the first sum is a new array: later ones may be added in place
            self.sums[key] = self.sums[key] + g
            if not self.create_graph and g.ndim:
                self.own.add(key)

    def take_newest(self):
        _, key, node = heapq.heappop(self.heap)
        self.own.discard(key)  # an id may come back once its node is gone
        return key, node, self.sums.pop(key)

    def unshared(self, key):
        """A leaf's gradient; copied if a view or another leaf holds the same memory."""
        if self.create_graph:
            return self.sums[key]
        g = backend.as_array(self.sums[key])
        if g.base is not None or id(g) in self.given:
            g = g.copy()
        self.given.add(id(g))
        return g


def _gradients(node, gy, create_graph):
    """Run one backward; with `create_graph` on Tensors, so that it records itself."""
    function, anomaly = node.function, mode.anomaly
    if anomaly is not None:
        anomaly.before_backward(node)
    if not create_graph:
        try:
            result = function.backward(node, gy)
        except MemoryError as error:
            name = f"{function.__name__}.backward"
            raise backend.memory_error(name, error) from error
    else:
        if not function.second_order:
            raise RuntimeError(
                f"{function.__name__} has no second derivative: its backward is written "
                f"for arrays. Write {function.instead} for derivatives of any order, or "
                "leave create_graph=True out"
            )
        node.graph = True
        try:
            with enable_grad():
                result = function.backward(node, gy)
        finally:
            del node.graph
    result = result if isinstance(result, tuple) else (result,)
    if len(result) < len(node.parents) and True in node.needs[len(result) :]:
        raise RuntimeError(
            f"{function.__name__}.backward returned {len(result)} gradient(s) for "
            f"{len(node.parents)} inputs, and one of the others wants a gradient"
        )
    if anomaly is not None:
        anomaly.after_backward(node, result)
    return result


def _starting_gradient(y, g):
    if not y.requires_grad:
        raise RuntimeError(
            "backward() was called on a tensor that does not require a gradient: no "
            "input of its computation has requires_grad=True (is the model frozen, or are "
            "its adapters merged or switched off?)"
        )
    if g is None:
        if y._data.size != 1:
            raise RuntimeError(
                f"backward() without a gradient needs a scalar, but the shape is "
                f"{y.shape}; reduce it (y.sum()) or pass backward(gradient)"
            )
        return Tensor._of(backend.xp_of(y._data).ones_like(y._data), None)
    g = g if isinstance(g, Tensor) else Tensor._of(backend.create(g, y.dtype), None)
    if g.shape != y.shape:
        raise RuntimeError(
            f"backward(gradient): the gradient has shape {g.shape}, the tensor {y.shape}"
        )
    return g


use_walk(backward)
