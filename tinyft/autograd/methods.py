"""An array's operators and methods, for Tensors: each calls its function in tinyft.ops."""

from tinyft import backend
from tinyft.autograd.mode import mode

ops = None  # the namespace of tinyft.ops; tensor.use_ops() puts it here


class ArrayMethods:
    """What `x + y`, `x.sum(axis=0)`, `x[1:]` mean; names and argument order are NumPy's."""

    __slots__ = ()

    T = property(lambda self: ops.transpose(self))
    mT = property(lambda self: ops.swapaxes(self, -1, -2))

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

    def __floordiv__(self, other):
        return ops.floor_divide(self, other)

    def __rfloordiv__(self, other):
        return ops.floor_divide(other, self)

    def __mod__(self, other):
        return ops.remainder(self, other)

    def __rmod__(self, other):
        return ops.remainder(other, self)

    def __matmul__(self, other):
        return ops.matmul(self, other)

    def __rmatmul__(self, other):
        return ops.matmul(other, self)

    def __neg__(self):
        return ops.neg(self)

    def __pos__(self):
        return self

    def __abs__(self):
        return ops.abs(self)

    # x += y changes the values of a leaf; a result on the tape becomes a new Tensor
    def __iadd__(self, other):
        return _in_place(self, other, ops.add, "+=")

    def __isub__(self, other):
        return _in_place(self, other, ops.sub, "-=")

    def __imul__(self, other):
        return _in_place(self, other, ops.mul, "*=")

    def __itruediv__(self, other):
        return _in_place(self, other, ops.div, "/=")

    def __getitem__(self, index):
        return ops.index(self, index)

    def __eq__(self, other):
        return NotImplemented if _is_foreign(other) else ops.equal(self, other)

    def __ne__(self, other):
        return NotImplemented if _is_foreign(other) else ops.not_equal(self, other)

    def __lt__(self, other):
        return ops.less(self, other)

    def __le__(self, other):
        return ops.less_equal(self, other)

    def __gt__(self, other):
        return ops.greater(self, other)

    def __ge__(self, other):
        return ops.greater_equal(self, other)

    def __contains__(self, value):
        return not _is_foreign(value) and bool(ops.any(ops.equal(self, value)))

    def __invert__(self):
        _check_booleans("~", self)
        return ops.logical_not(self)

    def __and__(self, other):
        _check_booleans("&", self, other)
        return ops.logical_and(self, other)

    def __or__(self, other):
        _check_booleans("|", self, other)
        return ops.logical_or(self, other)

    def __xor__(self, other):
        _check_booleans("^", self, other)
        return ops.not_equal(self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__  # they commute

    def __round__(self, decimals=0):
        return ops.round(self, decimals)

    # --- methods: NumPy's names and argument order -------------------------------
    def sum(self, axis=None, keepdims=False):
        return ops.sum(self, axis, keepdims)

    def mean(self, axis=None, keepdims=False):
        return ops.mean(self, axis, keepdims)

    def prod(self, axis=None, keepdims=False):
        return ops.prod(self, axis, keepdims)

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

    def argsort(self, axis=-1):
        return ops.argsort(self, axis)

    def all(self, axis=None, keepdims=False):
        return ops.all(self, axis, keepdims)

    def any(self, axis=None, keepdims=False):
        return ops.any(self, axis, keepdims)

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

    def round(self, decimals=0):
        return ops.round(self, decimals)

    def dot(self, other):
        return ops.dot(self, other)

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


def _in_place(x, other, operation, sign):
    """x += other: in place for a leaf, as in NumPy and PyTorch, so that a parameter's
    update is not lost with a new name; recorded where the tape needs the old values."""
    if not x.is_leaf:
        return operation(x, other)
    if mode.grad and x.requires_grad:
        raise RuntimeError(
            f"x {sign} ... on a leaf that requires a gradient would change what the tape "
            f"saved; write it inside `with no_grad():`, or x.data {sign} ..., or "
            f"y = x {sign[0]} ... for a new tensor"
        )
    result = operation(x, other)
    if result.requires_grad:
        return result
    if result.shape != x.shape or result.dtype != x.dtype:
        raise ValueError(
            f"x {sign} ...: the result has shape {result.shape} and dtype "
            f"{result.dtype}, which does not fit into x, of shape {x.shape} and dtype "
            f"{x.dtype}; write y = x {sign[0]} ... for a new tensor"
        )
    x._data[...] = result._data
    x._version[0] += 1
    return x


def _is_foreign(other):
    """What equals no tensor: `x == None` is False, as for any two unlike objects."""
    return other is None or isinstance(other, str)


def _check_booleans(sign, *operands):
    for x in operands:
        dtype = getattr(x, "dtype", type(x).__name__)
        if dtype != "bool":
            raise TypeError(
                f"{sign} is for booleans, got {dtype}; compare first, in brackets: "
                f"(x > 0) {sign} (x < 1)"
            )


def _is_shape(args):
    return len(args) == 1 and (args[0] is None or isinstance(args[0], (tuple, list)))
