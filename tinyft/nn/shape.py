"""Argument checks, and the parameters of zeros that the layers start from."""

from tinyft import backend
from tinyft.autograd.tensor import Tensor
from tinyft.nn.parameter import Parameter


def empty(shape, dtype=None):
    """Zeros on the default device; float32 unless a dtype is given."""
    zero = backend.create(0.0, dtype)
    return backend.xp_of(zero).zeros(shape, zero.dtype)


def zeros(shape, dtype=None):
    """A Parameter of zeros; a large one takes no memory until it is filled."""
    p = Parameter(0.0, dtype=dtype)
    p._data = empty(shape, p.dtype)
    return p


def positive(layer, **sizes):
    """Raise ValueError naming the first size that is not a positive integer."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"{layer}: {name} must be a positive integer, got {size!r}"
            )


def pair(x):
    """(x, x) of an integer; a pair as it is; ValueError for a longer tuple."""
    both = (x, x) if isinstance(x, int) else tuple(x)
    if len(both) != 2:
        raise ValueError(f"expected a number or a pair (height, width), got {x!r}")
    return both


def choice(layer, allowed, **options):
    """Raise ValueError naming the option that is none of `allowed`."""
    for name, value in options.items():
        if value not in allowed:
            raise ValueError(
                f"{layer}: {name} must be one of {', '.join(map(repr, allowed))}, got "
                f"{value!r}"
            )


def steps(start, stop, like, dtype="int64"):
    """start, ..., stop - 1 as a Tensor on the device of `like`."""
    xp = backend.xp_of(like._data if isinstance(like, Tensor) else like)
    return Tensor._of(xp.arange(start, stop, dtype=dtype), None)
