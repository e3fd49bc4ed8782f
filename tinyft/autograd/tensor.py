"""Tensor: an array, whether it wants a gradient, and the Node that made it.

A Tensor behaves as an array: operators, methods (methods.py) and broadcasting are
NumPy's. The operations themselves live in tinyft/ops, one layer up; that package hands
itself to `use_ops` when it loads, and walk.py its loop to `use_walk`, so nothing here
imports upward.
"""

from tinyft import backend
from tinyft.autograd import hints, methods, operators
from tinyft.autograd.mode import mode

walk = None  # walk.backward, set by use_walk()
_new = object.__new__


def use_ops(namespace):
    """Called once by tinyft.ops: gives Tensors their methods, and `xp_of` its answer."""
    methods.ops = operators.ops = namespace
    backend.register(Tensor, namespace)


def use_walk(backward):
    """Called once by autograd/walk.py: gives `Tensor.backward` the walk."""
    global walk
    walk = backward


class Tensor(methods.ArrayMethods):
    """A multi-dimensional array on the tape. Make one with `tinyft.tensor(values)`.

    `data` is the array, `grad` the gradient (a Tensor or None, on leaves only),
    `requires_grad` whether operations on it are recorded.
    """

    __slots__ = ("__weakref__", "_data", "_node", "_version", "grad", "requires_grad")
    __array_ufunc__ = None  # array * Tensor calls Tensor.__rmul__
    __hash__ = object.__hash__  # == compares entries, so identity is the hash

    def __init__(self, values, requires_grad=False, dtype=None):
        values = values._data if isinstance(values, Tensor) else values
        self._data = backend.create(values, dtype)
        self._node, self._version, self.grad = None, [0], None
        self.requires_grad = False
        self.requires_grad_(requires_grad)

    @classmethod
    def _of(cls, data, node):
        """Wrap an array without a copy; `node` is the operation that made it."""
        self = _new(Tensor)
        self._data, self._node = data, node
        self._version, self.grad = [0], None
        self.requires_grad = node is not None
        return self

    # --- the array ---------------------------------------------------------------
    @property
    def data(self):
        """The array itself. Assigning (or `x.data -= step`) counts as a change in
        place.

        Writing into it by index, `x.data[0] = 1`, is not seen by the version counter,
        as in PyTorch; `tinyft.detect_anomaly()` does see it.
        """
        return self._data

    @data.setter
    def data(self, array):
        array = array._data if isinstance(array, Tensor) else array
        self._data = backend.as_array(array)
        self._version[0] += 1

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)  # NumPy's; PyTorch's is x.shape
    nbytes = property(lambda self: self._data.nbytes)
    device = property(lambda self: backend.device_of(self._data))
    is_leaf = property(lambda self: self._node is None)

    def numpy(self):
        """The values as a NumPy array (shared memory on the CPU, a copy from a device)."""
        return backend.asnumpy(self._data)

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError(
                "a Tensor that requires a gradient was given to a NumPy function, which "
                "would lose the gradient; use tinyft.ops, or x.detach() or x.numpy()"
            )
        host = self.numpy()
        copied = host.astype(dtype or host.dtype, copy=bool(copy))
        return copied

    def __array_function__(self, function, types, args, options):
        return hints.through_numpy(function, args, options)

    def item(self):
        """The value of a one-element tensor as a Python number (synchronises)."""
        if self._data.size != 1:
            raise ValueError(f"item() needs one element, the shape is {self.shape}")
        return self._data.item()

    def tolist(self):
        """The values as nested Python lists."""
        return self._data.tolist()

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __bool__(self):
        if self._data.size != 1:
            raise ValueError(
                f"bool() of a tensor of shape {self.shape} has no answer: use x.any(), "
                "x.all() or x.size"
            )
        return bool(self.item())

    def __index__(self):
        return self._data.item().__index__()

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __format__(self, spec):
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self):
        text = repr(self.numpy()).replace("array(", "tensor(", 1)
        text = text.replace("\n ", "\n  ")
        extra = ", requires_grad=True" if self.is_leaf and self.requires_grad else ""
        if self._node is not None:
            extra = f", from {self._node.function.__name__}"
        return f"{text[:-1]}{extra})"

    # --- the tape ----------------------------------------------------------------
    def backward(self, gradient=None, retain_graph=False, create_graph=False):
        """Add d(self)/d(leaf) to `.grad` of every leaf that wants it.

        `gradient` (default 1, for a scalar) is dL/d(self); `retain_graph` keeps the
        tape for another walk; `create_graph` makes the gradients differentiable.
        """
        walk([self], [gradient], retain_graph, create_graph)

    def accumulate_grad(self, g):
        """Add `g` (a Tensor of this shape) to `.grad`; called at the end of the walk."""
        if g.shape != self.shape:
            raise RuntimeError(
                f"a gradient of shape {g.shape} came to a tensor of shape {self.shape}: "
                "the backward of the operation that used it returns the wrong shape"
            )
        if self.grad is None:
            self.grad = g
        elif self.grad.requires_grad or g.requires_grad:
            self.grad = self.grad + g
        else:
            self.grad = Tensor._of(self.grad._data + g._data, None)

    def requires_grad_(self, requires_grad=True):
        """Switch recording on or off for a leaf; integers are refused. Returns self."""
        if requires_grad and self._data.dtype.kind not in "fc":
            raise TypeError(
                f"only floating-point tensors can require a gradient, got {self.dtype}; "
                "convert it first: tensor(values, dtype='float32')"
            )
        if not requires_grad and not self.is_leaf:
            raise RuntimeError("a result always requires its gradient; use x.detach()")
        self.requires_grad = bool(requires_grad)
        return self

    def zero_grad(self):
        """Forget the gradient."""
        self.grad = None

    def detach(self):
        """The same memory off the tape: a constant that shares the version counter."""
        constant = Tensor._of(self._data, None)
        constant._version = self._version
        return constant

    def __setitem__(self, index, values):
        if self.requires_grad:
            raise RuntimeError(
                "x[...] = values on a tensor that requires a gradient would change what "
                "the tape saved; write ops.where(mask, values, x), or x.data[...] = "
                "values between computations"
            )
        if mode.grad and isinstance(values, Tensor) and values.requires_grad:
            raise RuntimeError(
                "x[...] = values would lose the gradient of the values; write "
                "ops.where(mask, values, x) or ops.concatenate, or values.detach()"
            )
        key = index._data if isinstance(index, Tensor) else index
        if isinstance(index, tuple):
            key = tuple(i._data if isinstance(i, Tensor) else i for i in index)
        self._data[key] = values._data if isinstance(values, Tensor) else values
        self._version[0] += 1


def tensor(values, requires_grad=False, dtype=None, device=None):
    """Make a Tensor of nested lists, a scalar or an array (always a copy).

    Python numbers become float32 (int64 for integers), arrays keep their dtype.
    Raises TypeError for ragged or non-numeric input, or a gradient on integers.
    """
    with backend.device(device or backend.default_device()):
        result = Tensor(values, requires_grad, dtype)
    if device is not None:
        result._data = backend.to(result._data, device)
    return result
