"""New tensors: zeros, ones, a value, a range, the identity; float32 unless asked.

They are made on the default device (`with tinyft.device("cuda"):`); the `_like` forms
on the device of their model. All are constants until `requires_grad_()`.
"""

from tinyft import backend
from tinyft.autograd.mode import mode
from tinyft.autograd.tensor import Tensor
from tinyft.ops.operands import array_of

HOST = backend.host()


def _here(array):
    return Tensor._of(backend.to(array, backend.default_device()), None)


def zeros(shape, dtype=backend.float32):
    """A tensor of zeros; `shape` is a number or a tuple."""
    _check_dtype("zeros", dtype)
    return _here(HOST.zeros(shape, dtype))


def ones(shape, dtype=backend.float32):
    """A tensor of ones; `shape` is a number or a tuple."""
    _check_dtype("ones", dtype)
    return _here(HOST.ones(shape, dtype))


def full(shape, value, dtype=None):
    """A tensor of one value: float32 for a float, int64 for an integer, or `dtype`."""
    _check_dtype("full", dtype)
    value = backend.asnumpy(array_of(_constant("full", value), scalars=False))
    return _here(HOST.full(shape, value, dtype or value.dtype))


def arange(start, stop=None, step=1, dtype=None):
    """start, start + step, ... below stop: int64 for integers, float32 for floats."""
    if step == 0:
        raise ValueError(f"arange from {start} to {stop}: step is 0, and never arrives")
    values = HOST.arange(start, stop, step) if stop is not None else HOST.arange(start)
    if dtype is None and values.dtype == backend.float64:
        dtype = backend.float32
    return _here(values.astype(dtype or values.dtype, copy=False))


def eye(n, m=None, k=0, dtype=backend.float32):
    """Ones on the k-th diagonal of an n x m matrix (m = n by default)."""
    return _here(HOST.eye(n, m, k, dtype))


def zeros_like(x, dtype=None):
    """Zeros of the shape, dtype and device of x."""
    x = array_of(x, scalars=False)
    return Tensor._of(backend.xp_of(x).zeros_like(x, dtype), None)


def ones_like(x, dtype=None):
    """Ones of the shape, dtype and device of x."""
    x = array_of(x, scalars=False)
    return Tensor._of(backend.xp_of(x).ones_like(x, dtype), None)


def full_like(x, value, dtype=None):
    """One value in the shape, dtype and device of x."""
    x, value = array_of(x, scalars=False), array_of(_constant("full_like", value))
    return Tensor._of(backend.xp_of(x).full_like(x, value, dtype), None)


def _check_dtype(what, dtype):
    """Raise for zeros(2, 3): the 3 came as a dtype."""
    if isinstance(dtype, (int, float)):
        raise TypeError(
            f"{what}: got {dtype!r} as the dtype; the shape is one argument, a number "
            f"or a tuple: {what}((2, 3), ...)"
        )


def _constant(what, value):
    """The value, unless filling with it would lose its gradient."""
    if mode.grad and isinstance(value, Tensor) and value.requires_grad:
        raise TypeError(
            f"{what}: the value requires a gradient, which filling would lose; write "
            "ops.broadcast_to(value, shape)"
        )
    return value
