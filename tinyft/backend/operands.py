"""What an operation is given: arrays, numbers and lists, and the dtype they meet in."""

import numpy as np

from tinyft.backend.arrays import at_default, create
from tinyft.backend.dtypes import float32, is_scalar, kind_of, numbers


def as_array(x):
    """NumPy gives scalars where a result is 0-d; the tape keeps arrays."""
    if type(x) is np.ndarray:  # the usual case first: this runs once for each operation
        return x
    if isinstance(x, np.generic):
        return np.asarray(x)
    return create(x) if isinstance(x, numbers) else x


def operand(x, scalars=True):
    """A value given to an operation beside Tensors: arrays and Python scalars as they
    are, NumPy scalars as Python's, lists (and, with `scalars=False`, scalars) as
    arrays."""
    if x is None or type(x) is np.ndarray:  # the usual cases first
        return x if x is None else at_default(x)
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (list, tuple)) or (not scalars and is_scalar(x)):
        return create(x)
    return at_default(x)


def as_float(x):
    """`x` itself if it holds floats (or complex numbers), else as float32."""
    if not hasattr(x, "dtype"):
        x = create(x)
    return x if x.dtype.kind in "fc" else x.astype(float32)


def match(x, y):
    """Two operands under the course's promotion rule, PyTorch's: integers never raise
    the precision of floats (NumPy alone would make int64 with float32 a float64)."""
    if type(x) is type(y) is np.ndarray and x.dtype is y.dtype:  # most calls end here
        return x, y
    kx, ky = kind_of(x), kind_of(y)
    if kx == ky or (kx is None and ky in "fc") or (ky is None and kx in "fc"):
        return x, y
    if kx is None or ky is None:  # an integer array and a Python scalar
        if isinstance(y if ky is None else x, float):
            return (x, as_float(y)) if kx is None else (as_float(x), y)
        return x, y
    if kx in "biu" and ky in "fc":
        return x.astype(y.dtype), y
    if ky in "biu" and kx in "fc":
        return x, y.astype(x.dtype)
    return x, y
