"""Tensor: an array, whether it wants a gradient, and the Node that made it.

A Tensor behaves as an array: operators, methods and broadcasting are NumPy's. The
operations themselves live in tinyft/ops, one layer up; that package hands itself to
`use_ops` when it loads, and function.py its walk to `use_walk`, so nothing here imports
upward.
"""

from tinyft import backend

ops = None  # the namespace of tinyft.ops, set by use_ops()
walk = None  # function.backward, set by use_walk()
_new = object.__new__


def use_ops(namespace):
    """Called once by tinyft.ops: gives Tensors their methods, and `xp_of` its answer."""
    global ops
    ops = namespace
    backend.register(Tensor, namespace)


def use_walk(backward):
    """Called once by autograd/function.py: gives `Tensor.backward` the walk."""
    global walk
    walk = backward


class Tensor:
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
        """The array itself. Assigning (or `x.data -= step`) counts as a change in place.

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
    size = property(lambda self: self._data.size)
    nbytes = property(lambda self: self._data.nbytes)
    device = property(lambda self: backend.device_of(self._data))
    is_leaf = property(lambda self: self._node is None)
    T = property(lambda self: ops.transpose(self))
    mT = property(lambda self: ops.swapaxes(self, -1, -2))

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
        return bool(self.item())

    def __index__(self):
        return self._data.item().__index__()

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

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

        `gradient` (default 1, for a scalar) is dL/d(self); `retain_graph` keeps the tape
        for another walk; `create_graph` makes the gradients differentiable.
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
                "values outside of a computation"
            )
        plain = index._data if isinstance(index, Tensor) else index
        if isinstance(index, tuple):
            plain = tuple(i._data if isinstance(i, Tensor) else i for i in index)
        self._data[plain] = values._data if isinstance(values, Tensor) else values
        self._version[0] += 1

    # --- where and what ----------------------------------------------------------
    def to(self, target):
        """A Tensor on another device ('cuda', 'cpu') or of another dtype."""
        if isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
            return ops.to_device(self, target)
        return self.astype(target)

    def astype(self, dtype):
        """The values as another dtype; the gradient comes back in this one."""
        return ops.astype(self, dtype)

    def float(self):
        """The values as float32."""
        return ops.astype(self, backend.float32)

    def double(self):
        """The values as float64, for theory."""
        return ops.astype(self, backend.float64)

    def clone(self):
        """A copy that stays on the tape."""
        return ops.clone(self)

    # --- operators: NumPy's ------------------------------------------------------
    def __add__(self, other):
        return ops.add(self, other)

    def __radd__(self, other):
        return ops.add(other, self)

    def __sub__(self, other):
        return ops.sub(self, other)

    def __rsub__(self, other):
        return ops.sub(other, self)

    def __mul__(self, other):
        return ops.mul(self, other)

    def __rmul__(self, other):
        return ops.mul(other, self)

    def __truediv__(self, other):
        return ops.div(self, other)

    def __rtruediv__(self, other):
        return ops.div(other, self)

    def __pow__(self, other):
        return ops.pow(self, other)

    def __rpow__(self, other):
        return ops.pow(other, self)

    def __matmul__(self, other):
        return ops.matmul(self, other)

    def __rmatmul__(self, other):
        return ops.matmul(other, self)

    def __neg__(self):
        return ops.neg(self)

    def __abs__(self):
        return ops.abs(self)

    def __getitem__(self, index):
        return ops.index(self, index)

    def __eq__(self, other):
        return ops.equal(self, other)

    def __ne__(self, other):
        return ops.not_equal(self, other)

    def __lt__(self, other):
        return ops.less(self, other)

    def __le__(self, other):
        return ops.less_equal(self, other)

    def __gt__(self, other):
        return ops.greater(self, other)

    def __ge__(self, other):
        return ops.greater_equal(self, other)

    def __invert__(self):
        return ops.logical_not(self)

    # --- methods: NumPy's names and argument order -------------------------------
    def sum(self, axis=None, keepdims=False):
        return ops.sum(self, axis, keepdims)

    def mean(self, axis=None, keepdims=False):
        return ops.mean(self, axis, keepdims)

    def max(self, axis=None, keepdims=False):
        return ops.max(self, axis, keepdims)

    def min(self, axis=None, keepdims=False):
        return ops.min(self, axis, keepdims)

    def var(self, axis=None, ddof=0, keepdims=False):
        return ops.var(self, axis, ddof, keepdims)

    def std(self, axis=None, ddof=0, keepdims=False):
        return ops.std(self, axis, ddof, keepdims)

    def cumsum(self, axis=None):
        return ops.cumsum(self, axis)

    def argmax(self, axis=None, keepdims=False):
        return ops.argmax(self, axis, keepdims)

    def argmin(self, axis=None, keepdims=False):
        return ops.argmin(self, axis, keepdims)

    def all(self, axis=None):
        return ops.all(self, axis)

    def any(self, axis=None):
        return ops.any(self, axis)

    def reshape(self, *shape):
        return ops.reshape(self, shape[0] if _is_shape(shape) else shape)

    def transpose(self, *axes):
        return ops.transpose(self, axes[0] if _is_shape(axes) else axes or None)

    def swapaxes(self, first, second):
        return ops.swapaxes(self, first, second)

    def squeeze(self, axis=None):
        return ops.squeeze(self, axis)

    def ravel(self):
        return ops.reshape(self, (-1,))

    def flatten(self):
        return ops.reshape(self, (-1,))

    def clip(self, low=None, high=None):
        return ops.clip(self, low, high)

    def exp(self):
        return ops.exp(self)

    def log(self):
        return ops.log(self)

    def sqrt(self):
        return ops.sqrt(self)

    def abs(self):
        return ops.abs(self)

    def tanh(self):
        return ops.tanh(self)


def _is_shape(args):
    return len(args) == 1 and (args[0] is None or isinstance(args[0], (tuple, list)))


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
