"""Argument checks and empty arrays that the layers share."""

from tinyft import backend


def empty(shape, dtype=None):
    """Zeros on the default device; float32 unless a dtype is given."""
    zero = backend.create(0.0, dtype)
    return backend.xp_of(zero).zeros(shape, zero.dtype)


def positive(layer, **sizes):
    """Raise ValueError naming the first size that is not a positive integer."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{layer}: {name} must be a positive integer, got {size!r}")


def pair(x):
    """(x, x) of an integer; a pair as it is."""
    return (x, x) if isinstance(x, int) else tuple(x)
