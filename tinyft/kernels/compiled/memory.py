"""Arrays as kernels take them: float32 in C order, aligned and writable."""

from tinyft.backend import HOST, float32


def solid(x):
    """x itself, or a copy in C order; None stays None."""
    if x is None or (x.flags.carray and x.dtype == float32):
        return x
    return HOST.array(x, float32, order="C")


def flat(x):
    """x as a vector in the order of its memory: a view where x has no gaps."""
    if not x.flags.carray:
        axes = sorted(range(x.ndim), key=lambda i: -x.strides[i])
        x = x.transpose(axes)
    return solid(x).reshape(-1)


def alike(x, g):
    """g with the memory order of x, so that `flat` of both names the same entries."""
    if g.strides == x.strides and g.dtype == x.dtype:
        return g
    made = HOST.empty_like(x)
    made[...] = g
    return made


def results(x, count):
    """(x without gaps, `count` new arrays in its memory order)."""
    made = HOST.empty_like(x)  # NumPy keeps the order of axes and drops gaps
    if made.strides != x.strides:
        made[...] = x
        x, made = made, HOST.empty_like(made)
    return x, [made, *(HOST.empty_like(x) for _ in range(count - 1))]


NONE = HOST.empty(0, float32)  # for an array that is not there
NO_ROWS = HOST.empty((0, 0), float32)
