"""Axes as NumPy counts them: -1 is the last. Errors name operation and shape.

A 0-d array has no axis; where an operation runs along one axis or over several, 0 and -1
are accepted for it, as in PyTorch (and for most functions of NumPy).
"""

from tinyft.ops.operands import wrap


def axis_of(what, ndim, axis, shape):
    """One axis as a number in 0..ndim-1; else ValueError, TypeError if not an int."""
    if not hasattr(axis, "__index__"):
        raise TypeError(f"{what}: axis is an integer, got {axis!r}")
    axis = axis.__index__()
    if not -ndim <= axis < ndim:
        legal = f"expected {-ndim}..{ndim - 1}" if ndim else "it has no axes"
        raise ValueError(
            f"{what}: axis {axis} does not exist in shape {shape}: {legal}"
        )
    return axis + ndim if axis < 0 else axis


def axes_of(what, shape, axis):
    """`axis` (None for all, an int or several) as a tuple of different axes >= 0."""
    ndim = len(shape)
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    if not shape:
        given = [a for a in given if a not in (0, -1)]
    axes = tuple([axis_of(what, ndim, a, shape) for a in given])
    if len(set(axes)) < len(axes):
        raise ValueError(f"{what}: axis {axis} names an axis of {shape} twice")
    return axes


def along(what, function, x, axis):
    """function(x, axis) for one axis >= 0; a 0-d x is one entry along its axis."""
    x = wrap(x)
    if x.ndim == 0 and axis in (0, -1):
        return function(x.reshape(1), 0).reshape(())
    return function(x, axis_of(what, x.ndim, axis, x.shape))
