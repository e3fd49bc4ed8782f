"""The tape: Function classes that record themselves, and the walk that reads them back.

For y = f(x) and a scalar loss L, reverse mode carries gy = dL/dy back to
gx = (dy/dx)^T gy, one Function at a time (Linnainmaa 1970; Griewank and Walther 2008).

An operation is a class with two static halves:

    class Mul(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save(x, y)
            return x * y

        @staticmethod
        def backward(ctx, gy):
            x, y = ctx.saved
            return gy * y, gy * x

`forward` sees arrays. `backward` uses only operators and methods that arrays and Tensors
share (and `xp_of` where a function is needed): the engine hands it arrays by default and
Tensors under `create_graph=True`, so one text gives first-order speed and second order
on demand. An op that cannot do this sets `second_order = False`.

Memory: a Node keeps what `ctx.save` was given and nothing else; gradients live in a local
dict and are popped; saved values are dropped as the walk passes them.
"""

import contextlib
import heapq
import itertools
import re
import threading

from tinyft import backend
from tinyft.autograd.tensor import Tensor, use_walk


class _Mode(threading.local):
    grad = True  # record operations?
    anomaly = None  # None, or the Anomaly that watches (autograd/anomaly.py)


mode = _Mode()
_order = itertools.count()  # creation order is a topological order


class no_grad(contextlib.ContextDecorator):
    """Record nothing inside the block (or the decorated function)."""

    value = False

    def _recreate_cm(self):  # a decorated function may run in several threads at once
        return type(self)()

    def __enter__(self):
        self._before = [*getattr(self, "_before", ()), mode.grad]
        mode.grad = self.value

    def __exit__(self, *error):
        mode.grad = self._before.pop()


class enable_grad(no_grad):
    """Record again inside a `no_grad` block."""

    value = True


def is_grad_enabled():
    """True where operations are recorded."""
    return mode.grad


class Node:
    """One recorded operation: what backward needs, and where its gradients go.

    `needs[i]` says whether input i wants a gradient; work for the others is never done.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "function",
        "needs",
        "order",
        "parents",
        "saved_here",
    )

    graph = False  # True on the instance while a differentiable walk passes it
    where = None  # the module that ran it, written by anomaly mode

    def __init__(self, function, needs):
        self.function, self.needs, self.saved_here = function, needs, ()

    def save(self, *values):
        """Keep inputs or outputs of forward; `ctx.saved` returns them in backward.

        Anything derived from them is kept as an attribute (`ctx.mask = ...`) and is a
        constant to second order.
        """
        self.saved_here = values

    @property
    def saved(self):
        """The saved values, checked against in-place changes since forward."""
        return [
            # not a pair: None, a scalar, or derived in a first-order op
            self._read(*kept) if type(kept) is tuple else kept
            for kept in self.saved_here
        ]

    def _read(self, tensor, counter, version, data):
        if counter[0] != version:
            raise RuntimeError(
                f"{self.function.__name__}.backward: a value that it saved, of shape "
                f"{data.shape}, was changed in place after forward; change a copy "
                "(x.detach().clone()), or run backward first"
            )
        if not self.graph:
            return data
        return Tensor._of(data, self) if tensor is None else tensor  # None: our output

    def finish(self, inputs, output):
        """Link the saved arrays to their Tensors, and the node to its parents."""
        if self.saved_here:
            self.saved_here = [_link(a, inputs, output) for a in self.saved_here]
        self.parents = [
            (t._node or t) if need else None for t, need in zip(inputs, self.needs)
        ]
        self.order = next(_order)


def _link(value, inputs, output):
    """(owning Tensor, its version counter, version, array); constants stay bare.

    The output's owner is given as None: a node that held its output would be a cycle.
    """
    if value is None:
        return None
    for t in inputs:
        if isinstance(t, Tensor) and t._data is value:
            return t, t._version, t._version[0], value
    if value is output._data:
        return None, output._version, output._version[0], value
    return value


class Function:
    """Base class of every operation; see the head of this file for its two halves."""

    second_order = True  # False: backward is written for arrays only
    view = False  # True: the output shares memory with input 0
    scalars = True  # False: forward wants Python scalars as 0-d arrays

    @staticmethod
    def forward(ctx, *arrays, **options):
        """Compute the output array; keep in `ctx` what backward needs."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx, gy):
        """Return one gradient for each input (None where `ctx.needs` is False)."""
        raise NotImplementedError

    @classmethod
    def apply(cls, *inputs, **options):
        """Run forward on the inputs' arrays and record the operation if it matters.

        Inputs: Tensors, arrays (constants) or Python scalars. Returns a Tensor.
        """
        recording = mode.grad
        arrays, needs = [], []
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x._data)
                needs.append(recording and x.requires_grad)
            else:
                arrays.append(backend.operand(x, cls.scalars))
                needs.append(False)
        ctx = Node(cls, needs)
        if backend.devices_in_use():
            backend.check_same_device(cls.__name__.lower(), arrays)
        try:
            data = backend.as_array(cls.forward(ctx, *arrays, **options))
        except (ValueError, IndexError) as error:
            raise_explained(error, cls, arrays)
        needed = True in needs
        out = Tensor._of(data, ctx if needed else None)
        if cls.view and isinstance(inputs[0], Tensor):
            out._version = inputs[0]._version
        if needed:
            ctx.finish(inputs, out)
        if mode.anomaly is not None:
            mode.anomaly.after_forward(ctx, data, arrays)
        return out

    @classmethod
    def call(cls, x, *inputs, **options):
        """For use inside a backward: `apply` on Tensors, forward alone on arrays."""
        if isinstance(x, Tensor):
            return cls.apply(x, *inputs, **options)
        ctx = Node(cls, [False] * (1 + len(inputs)))
        return cls.forward(ctx, x, *inputs, **options)


def raise_explained(error, function, arrays):
    """Raise the array library's error again, with the operation and the shapes.

    Sentences that already begin with a name ("matmul: ...") pass as they are.
    """
    text = str(error)
    if re.match(r"[\w.]+(:|\()", text):
        raise error
    shapes = " and ".join(str(a.shape) for a in arrays if hasattr(a, "shape"))
    if "broadcast together" in text:
        text = (
            "the shapes do not broadcast: compared from the last axis backward, two "
            "sizes must be equal or one of them 1"
        )
    kind = ValueError if isinstance(error, ValueError) else IndexError
    name = getattr(function, "__name__", function)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    raise kind(f"{name} on {shapes}: {text}") from error


# --- the walk ----------------------------------------------------------------------


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
    """Return d(sum of outputs · grad_outputs)/d(inputs) as Tensors; `.grad` is untouched.

    As `torch.autograd.grad`: `inputs` may be leaves or results; an input that the outputs
    do not depend on raises, or gives None with `allow_unused`. With `create_graph=True`
    the result can be differentiated again.
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
    arriving = _Arriving(create_graph)
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
        for parent, gx in zip(node.parents, _gradients(node, gy, create_graph)):
            if parent is not None and gx is not None:
                arriving.add(parent, gx)
        if not retain_graph and not create_graph:
            node.parents = node.saved_here = None
            node.__dict__.clear()
    for key, leaf in arriving.leaves.items():
        deliver(leaf, arriving.unshared(key))


class _Arriving:
    """Gradients on their way: id(node or leaf) -> the sum of what has come so far."""

    def __init__(self, create_graph):
        self.create_graph = create_graph
        self.sums, self.own, self.heap, self.leaves, self.given = (
            {},
            set(),
            [],
            {},
            set(),
        )

    def add(self, target, g):
        key = id(target)
        if key not in self.sums:
            self.sums[key] = g
            if isinstance(target, Node):
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
        result = function.backward(node, gy)
    else:
        if not function.second_order:
            raise RuntimeError(
                f"{function.__name__} has no second derivative (its backward is written "
                "for arrays); use its composed form, or create_graph=False"
            )
        node.graph = True
        try:
            with enable_grad():
                result = function.backward(node, gy)
        finally:
            del node.graph
    result = result if isinstance(result, tuple) else (result,)
    if anomaly is not None:
        anomaly.after_backward(node, result)
    return result


def _starting_gradient(y, g):
    if not y.requires_grad:
        raise RuntimeError(
            "backward() was called on a tensor that does not require a gradient: no "
            "input of its computation has requires_grad=True"
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
