"""The tape: Function classes that record themselves (walk.py reads them back).

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

`forward` sees arrays. `backward` uses only operators and methods that arrays and
Tensors share (and `xp_of` where a function is needed): the engine hands it arrays by
default and Tensors under `create_graph=True`, so one text gives first-order speed and
second order on demand. An op that cannot do this sets `second_order = False`.

Memory: a Node keeps what `ctx.save` was given and nothing else; gradients live in a
local dict and are popped; saved values are dropped as the walk passes them.
"""

import itertools
import re

from tinyft import backend, kernels
from tinyft.autograd import hints
from tinyft.autograd.mode import mode
from tinyft.autograd.tensor import Tensor

HALF = backend.float16
_order = itertools.count()  # creation order is a topological order


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
    spent = False  # True where the walk that passes it frees it: its backward may write
    # over what its forward made and nobody else has
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
    instead = "it from operations that have one"  # what to write for a second order
    view = False  # True: the output shares memory with input 0
    scalars = True  # False: forward wants Python scalars as 0-d arrays
    fused = None  # the targets with a fused form of it, see kernels/registry.py
    carried = False  # True: float16 is computed in float32 and rounded once; "x": to
    # the dtype of the first input, whatever the others have

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
        recording, arrays, needs = mode.grad, [], []
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x._data)
                needs.append(recording and x.requires_grad)
            else:
                arrays.append(_constant(cls, x))
                needs.append(False)
        if cls.carried and any([getattr(a, "dtype", None) is HALF for a in arrays]):
            return cls._in_float32(inputs, arrays, options)
        for name in options if recording else ():
            if isinstance(options[name], Tensor) and options[name].requires_grad:
                raise _constant_option(cls, name)
        if backend.devices_in_use():
            backend.check_same_device(cls.__name__.lower(), arrays)
        form = cls if cls.fused is None else kernels.form_of(cls, arrays, options)
        ctx = Node(form, needs)
        try:
            data = backend.as_array(form.forward(ctx, *arrays, **options))
        except (ValueError, IndexError) as error:
            raise_explained(error, cls, arrays)
        except MemoryError as error:
            raise backend.memory_error(cls.__name__.lower(), error) from error
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
    def _in_float32(cls, inputs, arrays, options):
        """The same on float32 copies of float16 inputs, and the result rounded back.

        Squares, sums and exponentials of float16 leave its range (6e-8 to 65504) where
        their result does not; the conversions are on the tape, so gradients come back
        in float16.
        """
        half = [getattr(a, "dtype", None) is HALF for a in arrays]
        values = [x if isinstance(x, Tensor) else a for x, a in zip(inputs, arrays)]
        wide = [v.astype(backend.float32) if h else v for v, h in zip(values, half)]
        y = cls.apply(*wide, **options)
        floats = [
            h
            for a, h in zip(arrays, half)
            if hasattr(a, "dtype") and a.dtype.kind == "f"
        ]
        decide = half[:1] if cls.carried == "x" else floats
        return y.astype(HALF) if all(decide) else y

    @classmethod
    def call(cls, x, *inputs, **options):
        """For use inside a backward: `apply` on Tensors, forward alone on arrays."""
        if isinstance(x, Tensor):
            return cls.apply(x, *inputs, **options)
        ctx = Node(cls, [False] * (1 + len(inputs)))
        return cls.forward(ctx, x, *inputs, **options)


def _constant(function, x):
    """An input that is not a Tensor, as an array or a number."""
    a = backend.operand(x, function.scalars)
    if hints.is_foreign(a):
        raise hints.foreign(_name_of(function), a)
    return a


def _constant_option(function, name):
    """The error for an option that wants a gradient, which it would silently lose."""
    return TypeError(
        f"{_name_of(function)}: {name} is a Tensor that requires a gradient, and {name} "
        f"is a constant here; pass {name}.item() or .detach(), or write the operation "
        "from arithmetic, where it is an operand"
    )


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
    raise kind(f"{_name_of(function)} on {shapes}: {text}") from error


def _name_of(function):
    """LayerNorm -> layer_norm, LeakyReLU -> leaky_relu; a name as it is."""
    name = getattr(function, "__name__", function).replace("LU", "lu")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
