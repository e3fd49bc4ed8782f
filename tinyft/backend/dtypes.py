"""Names of dtypes, and which numbers are scalars."""

import numpy as np

float16, float32, float64 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
int64, bool_ = np.dtype("i8"), np.dtype("?")
numbers = (bool, int, float, complex)  # Python's: they never change a dtype


def is_scalar(x):
    """True for Python and NumPy scalars: numbers that must not change a dtype."""
    return isinstance(x, (*numbers, np.generic))


def kind_of(x):
    """The kind of x's dtype, None for a Python number; TypeError for anything else."""
    if isinstance(x, numbers):
        return None
    if not hasattr(x, "dtype"):
        raise TypeError(
            "an operation takes Tensors, arrays and numbers, and one of its operands "
            f"is of type {type(x).__name__}"
        )
    return x.dtype.kind


def result_type(*arrays):
    """The dtype NumPy's promotion gives these arrays and Python scalars."""
    return np.result_type(*arrays)
