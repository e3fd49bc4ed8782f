"""What an operation is given, as Tensors: arrays, numbers and lists become constants."""

from tinyft import backend
from tinyft.autograd.tensor import Tensor


def wrap(x):
    """A Tensor as it is, anything else as a constant Tensor; TypeError if no numbers."""
    if isinstance(x, Tensor):
        return x
    array = backend.operand(x, False)
    backend.kind_of(array)
    return Tensor._of(array, None)


def wrapped(*xs):
    """Each of xs as a Tensor; an option that is None stays None."""
    return [None if x is None else wrap(x) for x in xs]
