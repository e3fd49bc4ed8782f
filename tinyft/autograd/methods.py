"""An array's methods, for Tensors: each calls its function in tinyft.ops."""

from tinyft import backend
from tinyft.autograd import hints, spellings
from tinyft.autograd.operators import Operators

ops = None  # the namespace of tinyft.ops; tensor.use_ops() puts it here


class ArrayMethods(Operators):
    """What `x.sum(axis=0)` and `x.reshape(2, 3)` mean: NumPy's names and order.

    PyTorch's spellings raise, and say what to write (spellings.py); a keyword that is
    not known goes on to the function, whose error does.
    """

    __slots__ = ()

    def __dir__(self):  # without the spellings below, which only raise
        return [name for name in super().__dir__() if name not in spellings.TENSOR]

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

    # --- NumPy's -----------------------------------------------------------------
    def sum(self, axis=None, keepdims=False, **unknown):
        return ops.sum(self, axis, keepdims, **unknown)

    def mean(self, axis=None, keepdims=False, **unknown):
        return ops.mean(self, axis, keepdims, **unknown)

    def prod(self, axis=None, keepdims=False, **unknown):
        return ops.prod(self, axis, keepdims, **unknown)

    def max(self, axis=None, keepdims=False, **unknown):
        return ops.max(self, axis, keepdims, **unknown)

    def min(self, axis=None, keepdims=False, **unknown):
        return ops.min(self, axis, keepdims, **unknown)

    def var(self, axis=None, ddof=0, keepdims=False, **unknown):
        return ops.var(self, axis, ddof, keepdims, **unknown)

    def std(self, axis=None, ddof=0, keepdims=False, **unknown):
        return ops.std(self, axis, ddof, keepdims, **unknown)

    def cumsum(self, axis=None, **unknown):
        return ops.cumsum(self, axis, **unknown)

    def argmax(self, axis=None, keepdims=False, **unknown):
        return ops.argmax(self, axis, keepdims, **unknown)

    def argmin(self, axis=None, keepdims=False, **unknown):
        return ops.argmin(self, axis, keepdims, **unknown)

    def argsort(self, axis=-1, **unknown):
        return ops.argsort(self, axis, **unknown)

    def all(self, axis=None, keepdims=False, **unknown):
        return ops.all(self, axis, keepdims, **unknown)

    def any(self, axis=None, keepdims=False, **unknown):
        return ops.any(self, axis, keepdims, **unknown)

    def reshape(self, *shape):
        return ops.reshape(self, shape[0] if _is_shape(shape) else shape)

    def transpose(self, *axes):
        if axes == (0, 1):  # NumPy: the axes as they are; PyTorch: exchanged
            raise ValueError(
                "x.transpose(0, 1) would leave the axes as they are, as in NumPy; to "
                "exchange two axes, as PyTorch does, write x.swapaxes(0, 1)"
            )
        return ops.transpose(self, axes[0] if _is_shape(axes) else axes or None)

    def swapaxes(self, first, second):
        return ops.swapaxes(self, first, second)

    def squeeze(self, axis=None, **unknown):
        return ops.squeeze(self, axis, **unknown)

    def ravel(self):
        return ops.reshape(self, (-1,))

    def flatten(self, start_axis=0, end_axis=-1, **unknown):
        return ops.flatten(self, start_axis, end_axis, **unknown)

    def clip(self, low=None, high=None, **unknown):
        return ops.clip(self, low, high, **unknown)

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


def _is_shape(args):
    return len(args) == 1 and (args[0] is None or isinstance(args[0], (tuple, list)))


class Spelling:
    """A name of PyTorch's: reading it raises AttributeError, with what to write.

    A __getattr__ on Tensor would do, and slow down the reading of every other name.
    """

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __get__(self, x, owner):
        raise hints.missing("Tensor", self.name, "TENSOR", x)


for _name in spellings.TENSOR:
    setattr(ArrayMethods, _name, Spelling(_name))
