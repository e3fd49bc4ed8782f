"""Parameter and Buffer: the two kinds of Tensor that a Module keeps.

Both are float32 unless told otherwise, as every layer is: NumPy's generators give
float64, and one float64 weight would make float64 of all that comes after it. A Tensor
keeps its dtype, so does an array with `dtype=array.dtype`.
"""

from tinyft import backend
from tinyft.autograd.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module trains: in `parameters()` and `state_dict()`.

    A float64 array becomes float32 unless dtype="float64" is given.
    """

    __slots__ = ()

    def __init__(self, values, requires_grad=True, dtype=None):
        super().__init__(values, requires_grad, _dtype(values, dtype))


class Buffer(Tensor):
    """State that is not trained; `persistent` puts it in the state dict.

    A float64 array becomes float32 unless dtype="float64" is given. `fixed`: its dtype
    is part of a storage format, and `Module.to("float64")` leaves it.
    """

    __slots__ = ("fixed", "persistent")

    def __init__(self, values, persistent=True, dtype=None, fixed=False):
        super().__init__(values, False, _dtype(values, dtype))
        self.persistent, self.fixed = persistent, fixed


def _dtype(values, dtype):
    """float32 for a float64 array whose dtype nobody asked for."""
    double = backend.is_array(values) and values.dtype == backend.float64
    return backend.float32 if double and dtype is None else dtype
