"""The same numbers in another shape: reshape, transpose, repeat, flip, triangles.

The derivative of a rearrangement is the rearrangement back. Those that only look at the
memory in another way (`view = True`) share it with their input, as in NumPy.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.elementwise import unbroadcast
from tinyft.ops.axes import axes_of, axis_of
from tinyft.ops.operands import wrap


class Reshape(Function):
    view, scalars = True, False

    @staticmethod
    def forward(ctx, x, shape):
        ctx.shape = x.shape
        try:
            return x.reshape(shape)
        except ValueError:
            said = f"{x.size} entries of shape {x.shape} do not fit into shape"
            raise ValueError(f"reshape: {said} {tuple(shape)}") from None

    @staticmethod
    def backward(ctx, gy):
        return gy.reshape(ctx.shape)


class Transpose(Function):
    view, scalars = True, False

    @staticmethod
    def forward(ctx, x, axes):
        ctx.back = tuple(sorted(range(len(axes)), key=axes.__getitem__))
        return x.transpose(axes)

    @staticmethod
    def backward(ctx, gy):
        return gy.transpose(ctx.back)


class BroadcastTo(Function):
    view, scalars = True, False

    @staticmethod
    def forward(ctx, x, shape):
        ctx.x = x.shape, x.dtype
        return backend.xp_of(x).broadcast_to(x, shape)

    @staticmethod
    def backward(ctx, gy):
        return unbroadcast(gy, ctx.x)


class Flip(Function):
    view, scalars = True, False

    @staticmethod
    def forward(ctx, x, axis):
        ctx.axis = axis
        return backend.xp_of(x).flip(x, axis)

    @staticmethod
    def backward(ctx, gy):
        return backend.xp_of(gy).flip(gy, ctx.axis)


class Roll(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, shift, axis):
        ctx.axis = axis
        ctx.back = tuple([-s for s in shift]) if isinstance(shift, tuple) else -shift
        return backend.xp_of(x).roll(x, shift, axis)

    @staticmethod
    def backward(ctx, gy):
        return backend.xp_of(gy).roll(gy, ctx.back, ctx.axis)


class Tril(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, k):
        ctx.k = _diagonal("tril", x, k)
        return backend.xp_of(x).tril(x, k)

    @staticmethod
    def backward(ctx, gy):
        return backend.xp_of(gy).tril(gy, ctx.k)


class Triu(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, k):
        ctx.k = _diagonal("triu", x, k)
        return backend.xp_of(x).triu(x, k)

    @staticmethod
    def backward(ctx, gy):
        return backend.xp_of(gy).triu(gy, ctx.k)


def _diagonal(what, x, k):
    if x.ndim > 1:
        return k
    raise ValueError(f"{what}: needs two axes or more, got shape {x.shape}")


def reshape(x, shape):
    """The entries of x, in order, as `shape`; one size may be -1. Returns a Tensor.

    Raises ValueError, naming both shapes, if the numbers of entries differ.
    """
    return Reshape.apply(
        x, shape=shape if isinstance(shape, (tuple, list)) else (shape,)
    )


def flatten(x, start_axis=0, end_axis=-1):
    """Merge the axes from start_axis to end_axis, both included, as in PyTorch."""
    x = wrap(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    first = axis_of("flatten", x.ndim, start_axis, x.shape)
    last = axis_of("flatten", x.ndim, end_axis, x.shape)
    merged = math.prod(x.shape[first : last + 1])
    return reshape(x, (*x.shape[:first], merged, *x.shape[last + 1 :]))


def squeeze(x, axis=None):
    """Leave out axes of size 1: all, or those named (ValueError for a larger one, which
    PyTorch keeps)."""
    x = wrap(x)
    axes = axes_of("squeeze", x.shape, axis)
    gone = [a for a in axes if x.shape[a] == 1]
    if axis is not None and len(gone) < len(axes):
        raise ValueError(f"squeeze: axis {axis} of shape {x.shape} has not size 1")
    return reshape(x, tuple([n for i, n in enumerate(x.shape) if i not in gone]))


def expand_dims(x, axis):
    """Put axes of size 1 at the places `axis` of the result. Returns a Tensor."""
    x = wrap(x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    new = axes_of("expand_dims", (1,) * (x.ndim + count), axis)
    sizes = iter(x.shape)
    shape = [1 if i in new else next(sizes) for i in range(x.ndim + count)]
    return reshape(x, tuple(shape))


def transpose(x, axes=None):
    """Axis i of the result is axis axes[i] of x; all reversed by default.

    As in NumPy. PyTorch's transpose exchanges two axes: that is `swapaxes` here.
    """
    x = wrap(x)
    if axes is None:
        return Transpose.apply(x, axes=tuple(range(x.ndim))[::-1])
    order = axes_of("transpose", x.shape, axes)
    if len(order) < x.ndim:
        raise ValueError(f"transpose: axes {axes} do not name every axis of {x.shape}")
    return Transpose.apply(x, axes=order)


def swapaxes(x, first, second):
    """Exchange two axes. Returns a Tensor."""
    x = wrap(x)
    order = list(range(x.ndim))
    i = axes_of("swapaxes", x.shape, first)
    j = axes_of("swapaxes", x.shape, second)
    if x.ndim:
        order[i[0]], order[j[0]] = j[0], i[0]
    return Transpose.apply(x, axes=tuple(order))


def moveaxis(x, source, destination):
    """Move axes (an int or several) to new places; the others keep their order."""
    x = wrap(x)
    moved = axes_of("moveaxis", x.shape, source)
    places = axes_of("moveaxis", x.shape, destination)
    if len(moved) != len(places):
        raise ValueError(f"moveaxis: {source} and {destination} differ in length")
    order = [i for i in range(x.ndim) if i not in moved]
    for place, axis in sorted(zip(places, moved)):
        order.insert(place, axis)
    return Transpose.apply(x, axes=tuple(order))


def broadcast_to(x, shape):
    """x repeated along new axes and axes of size 1, without a copy."""
    return BroadcastTo.apply(x, shape=tuple(shape))


def repeat(x, count, axis):
    """Each entry along `axis` `count` times in succession: a b -> a a b b.

    As in NumPy; PyTorch's repeat is `tile` here, a b -> a b a b.
    """
    x = wrap(x)
    x = x if x.ndim else reshape(x, (1,))
    axis = axis_of("repeat", x.ndim, axis, x.shape)
    if not hasattr(count, "__index__") or count < 0:
        raise ValueError(f"repeat: count is a whole number, 0 or more, got {count!r}")
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    y = broadcast_to(expand_dims(x, axis + 1), (*before, n, count, *after))
    return reshape(y, (*before, n * count, *after))


def tile(x, counts):
    """The whole x, counts[i] times along axis i: a b -> a b a b. Returns a Tensor."""
    x = wrap(x)
    counts = (counts,) if isinstance(counts, int) else tuple(counts)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    pairs = reshape(x, tuple([m for n in shape for m in (1, n)]))
    y = broadcast_to(pairs, [m for c, n in zip(counts, shape) for m in (c, n)])
    return reshape(y, tuple([c * n for c, n in zip(counts, shape)]))


def flip(x, axis=None):
    """Reverse the order along `axis` (an int, several, or all). Returns a Tensor."""
    x = wrap(x)
    return Flip.apply(x, axis=axes_of("flip", x.shape, axis))


def roll(x, shift, axis=None):
    """Move entries `shift` places along `axis`, the last come first."""
    shift, axis = (tuple(a) if isinstance(a, list) else a for a in (shift, axis))
    return Roll.apply(x, shift=shift, axis=axis)


def tril(x, k=0):
    """x with zeros above the k-th diagonal of its last two axes."""
    return Tril.apply(x, k=k)


def triu(x, k=0):
    """x with zeros below the k-th diagonal of its last two axes. Returns a Tensor."""
    return Triu.apply(x, k=k)
