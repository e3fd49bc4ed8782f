"""What an operation is given (Tensors, arrays, numbers, lists), and dtypes given back."""

from tinyft import backend
from tinyft.autograd import hints
from tinyft.autograd.tensor import Tensor


def wrap(x):
    """A Tensor as it is, anything else as a constant Tensor; TypeError if no numbers."""
    if isinstance(x, Tensor):
        return x
    array = array_of(x, scalars=False)
    backend.kind_of(array)
    return Tensor._of(array, None)


def wrapped(*xs):
    """Each of xs as a Tensor; an option that is None stays None."""
    return [None if x is None else wrap(x) for x in xs]


def array_of(x, scalars=True):
    """The array behind a Tensor, array or list; a Python scalar as it is, or 0-d."""
    if isinstance(x, Tensor):
        return x._data
    array = backend.operand(x, scalars)
    if hints.is_foreign(array):
        raise hints.foreign("an operation", array)
    return array


def cast(g, dtype):
    """A gradient in the dtype of the value it belongs to (None stays None)."""
    return g if g is None or g.dtype == dtype else g.astype(dtype)
