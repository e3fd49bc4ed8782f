"""Comparisons, rounding and positions: derivatives that are 0 or do not exist.

They return constants (nothing is recorded), with NumPy's names and argument order.
Operands broadcast, and integers meet floats by the rule of arithmetic (backend.match).
"""

from tinyft import backend
from tinyft.autograd.function import raise_explained
from tinyft.autograd.tensor import Tensor
from tinyft.ops.operands import array_of


def _binary(name, x, y):
    x, y = backend.match(array_of(x), array_of(y))
    xp = backend.xp_of(x if hasattr(x, "dtype") else y)
    if backend.devices_in_use():
        backend.check_same_device(name, [x, y])
    try:
        return _constant(getattr(xp, name)(x, y))
    except ValueError as error:
        raise_explained(error, name, [x, y])


def _unary(name, x, **options):
    x = array_of(x, scalars=False)
    try:
        return _constant(getattr(backend.xp_of(x), name)(x, **options))
    except ValueError as error:
        raise_explained(error, name, [x])


def _constant(array):
    return Tensor._of(backend.as_array(array), None)


def equal(x, y):
    """x == y as booleans, entry by entry (PyTorch's eq; its equal is one boolean)."""
    return _binary("equal", x, y)


def not_equal(x, y):
    """x != y as booleans."""
    return _binary("not_equal", x, y)


def less(x, y):
    """x < y as booleans."""
    return _binary("less", x, y)


def less_equal(x, y):
    """x <= y as booleans."""
    return _binary("less_equal", x, y)


def greater(x, y):
    """x > y as booleans."""
    return _binary("greater", x, y)


def greater_equal(x, y):
    """x >= y as booleans."""
    return _binary("greater_equal", x, y)


def logical_and(x, y):
    """True where both are true (not zero)."""
    return _binary("logical_and", x, y)


def logical_or(x, y):
    """True where one or both are true (not zero)."""
    return _binary("logical_or", x, y)


def logical_not(x):
    """True where x is false (zero)."""
    return _unary("logical_not", x)


def isnan(x):
    """True where x is not a number."""
    return _unary("isnan", x)


def isinf(x):
    """True where x is infinite."""
    return _unary("isinf", x)


def isfinite(x):
    """True where x is neither infinite nor NaN."""
    return _unary("isfinite", x)


def sign(x):
    """-1, 0 or 1; a constant, since its derivative is 0 almost everywhere."""
    return _unary("sign", x)


def floor(x):
    """The largest whole number <= x, in the dtype of x; a constant."""
    return _unary("floor", x)


def ceil(x):
    """The smallest whole number >= x, in the dtype of x; a constant."""
    return _unary("ceil", x)


def round(x, decimals=0):
    """x to `decimals` places, halves to the even neighbour as in NumPy and PyTorch; a
    constant."""
    return _unary("round", x, decimals=decimals)


def floor_divide(x, y):
    """floor(x / y); a constant."""
    return _binary("floor_divide", x, y)


def all(x, axis=None, keepdims=False):
    """True where every entry along `axis` is true; True for none."""
    return _unary("all", x, axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    """True where an entry along `axis` is true; False for none."""
    return _unary("any", x, axis=axis, keepdims=keepdims)


def argmax(x, axis=None, keepdims=False):
    """Where the (first) largest entry is; a position in the flat x by default."""
    return _unary("argmax", x, axis=axis, keepdims=keepdims)


def argmin(x, axis=None, keepdims=False):
    """Where the (first) smallest entry is; a position in the flat x by default."""
    return _unary("argmin", x, axis=axis, keepdims=keepdims)


def one_hot(ids, size, dtype=backend.float32):
    """1 at the position of each id and 0 elsewhere: shape ids.shape + (size,).

    In float32 unless asked; PyTorch's are integers.
    Raises IndexError for an id outside 0..size-1 (on the host; a device does not look).
    """
    ids = array_of(ids, scalars=False)
    check_ids("one_hot", ids, size, "size")
    xp = backend.xp_of(ids)
    return _constant((ids[..., None] == xp.arange(size)).astype(dtype))


def check_ids(what, ids, size, name):
    """Raise unless ids are integers in 0..size-1; a device is not asked (a sync)."""
    if ids.dtype.kind not in "iu":
        raise TypeError(
            f"{what}: ids must be integers, got {ids.dtype}; convert them with "
            "ids.astype('int64')"
        )
    if not ids.size or backend.device_of(ids) != "cpu":
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= size:
        raise IndexError(
            f"{what}: ids must lie in 0..{size - 1} ({name} is {size}), but they range "
            f"from {low} to {high}"
        )
