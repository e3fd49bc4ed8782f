"""Joining, cutting, padding and converting tensors.

concatenate, stack      each input takes back its piece of the gradient
split                   slices, so each gradient is padded with zeros
pad                     gx is the part of gy without the padding
astype, to_device       gx is gy in the dtype, on the device, of x
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor
from tinyft.ops.axes import axis_of
from tinyft.ops.operands import cast, wrap


class Concatenate(Function):
    @staticmethod
    def forward(ctx, *xs, axis):
        ctx.dtypes = [x.dtype for x in xs]
        ctx.ends = [0]
        for x in xs:
            ctx.ends.append(ctx.ends[-1] + x.shape[axis])
        ctx.before = (slice(None),) * axis
        return backend.xp_of(xs[0]).concatenate(_one_kind(xs), axis=axis)

    @staticmethod
    def backward(ctx, gy):
        pieces = zip(ctx.ends, ctx.ends[1:], ctx.needs, ctx.dtypes)
        return tuple(
            [
                cast(gy[(*ctx.before, slice(start, end))], dtype) if need else None
                for start, end, need, dtype in pieces
            ]
        )


class Stack(Function):
    @staticmethod
    def forward(ctx, *xs, axis):
        ctx.dtypes = [x.dtype for x in xs]
        ctx.before = (slice(None),) * axis
        return backend.xp_of(xs[0]).stack(_one_kind(xs), axis=axis)

    @staticmethod
    def backward(ctx, gy):
        return tuple(
            [
                cast(gy[(*ctx.before, i)], dtype) if need else None
                for i, (need, dtype) in enumerate(zip(ctx.needs, ctx.dtypes))
            ]
        )


def _one_kind(xs):
    """Integers beside floats take the floats' dtype (the rule of backend.match)."""
    floats = [x for x in xs if x.dtype.kind in "fc"]
    if not floats or len(floats) == len(xs):
        return xs
    dtype = backend.result_type(*[x.dtype for x in floats])
    return [x if x.dtype.kind in "fc" else x.astype(dtype) for x in xs]


class Pad(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, widths, value):
        shape = [a + n + b for (a, b), n in zip(widths, x.shape)]
        ctx.inside = tuple([slice(a, a + n) for (a, _), n in zip(widths, x.shape)])
        y = backend.xp_of(x).full(shape, value, x.dtype)
        y[ctx.inside] = x
        return y

    @staticmethod
    def backward(ctx, gy):
        return gy[ctx.inside]


class Clone(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x):
        return x.copy()

    @staticmethod
    def backward(ctx, gy):
        return gy


class AsType(Function):
    @staticmethod
    def forward(ctx, x, dtype):
        ctx.dtype = x.dtype
        return x.astype(dtype)

    @staticmethod
    def backward(ctx, gy):
        return gy.astype(ctx.dtype)


class ToDevice(Function):
    @staticmethod
    def forward(ctx, x, name):
        ctx.home = backend.device_of(x)
        return backend.to(x, name)

    @staticmethod
    def backward(ctx, gy):
        return ToDevice.call(gy, name=ctx.home)


def concatenate(xs, axis=0):
    """Join tensors along an axis that they have; the other sizes must be equal."""
    xs = _sequence("concatenate", xs)
    axis = axis_of("concatenate", xs[0].ndim, axis, xs[0].shape)
    for x in xs:
        same = x.ndim == xs[0].ndim
        if not same or _without(x.shape, axis) != _without(xs[0].shape, axis):
            raise ValueError(
                f"concatenate: shapes {xs[0].shape} and {x.shape} differ in another "
                f"axis than {axis}, along which they are joined"
            )
    return Concatenate.apply(*xs, axis=axis)


def stack(xs, axis=0):
    """Join tensors of one shape along a new axis. Returns a Tensor."""
    xs = _sequence("stack", xs)
    axis = axis_of("stack", xs[0].ndim + 1, axis, (len(xs), *xs[0].shape))
    for x in xs:
        if x.shape != xs[0].shape:
            raise ValueError(
                f"stack: all shapes must be equal, got {xs[0].shape} and {x.shape}"
            )
    return Stack.apply(*xs, axis=axis)


def _sequence(what, xs):
    xs = [wrap(x) for x in xs]
    if not xs:
        raise ValueError(f"{what} needs at least one tensor, got an empty list")
    return xs


def _without(shape, axis):
    return shape[:axis] + shape[axis + 1 :]


def split(x, sections, axis=0):
    """Cut x along `axis`; returns a list of Tensors.

    sections: a number of equal pieces (as in NumPy; PyTorch's number is the size of a
    piece), or a list of their sizes, which must add up to the axis (as in PyTorch;
    NumPy's list holds the cut points).
    """
    x = wrap(x)
    axis = axis_of("split", x.ndim, axis, x.shape)
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ValueError(
                f"split: axis {axis} of shape {x.shape} does not divide into "
                f"{sections} equal pieces; give a list of sizes instead"
            )
        sections = [n // sections] * sections
    before, pieces, start = (slice(None),) * axis, [], 0
    for size in sections:
        pieces.append(x[(*before, slice(start, start + size))])
        start += size
    if start != n:
        raise ValueError(
            f"split: the sizes {list(sections)} add up to {start}, but axis {axis} of "
            f"shape {x.shape} has {n}"
        )
    return pieces


def pad(x, widths, value=0.0):
    """x with `value` around it. widths: n, (before, after), or a pair for each axis.

    As in NumPy, one pair holds for every axis; PyTorch's pairs begin with the last axis,
    and one pair pads that axis only.
    """
    x = wrap(x)
    pairs = list(widths) if isinstance(widths, (tuple, list)) else [widths]
    if not any(isinstance(p, (tuple, list)) for p in pairs):
        pairs = [(pairs[0], pairs[-1])] if len(pairs) in (1, 2) else []
    pairs = [tuple(p) for p in pairs] * (x.ndim if len(pairs) == 1 else 1)
    if len(pairs) != x.ndim or not all(map(_is_width, pairs)):
        raise ValueError(
            f"pad: widths {widths} do not fit shape {x.shape}: expected n, (before, "
            f"after) or {x.ndim} such pairs, none negative"
        )
    return Pad.apply(x, widths=pairs, value=value)


def _is_width(pair):
    """(before, after), whole numbers that are not negative."""
    whole = all(hasattr(n, "__index__") for n in pair)
    return len(pair) == 2 and whole and min(pair) >= 0


def clone(x):
    """A copy that stays on the tape. Returns a Tensor."""
    return Clone.apply(x)


def detach(x):
    """The same memory off the tape: a constant."""
    return wrap(x).detach()


def astype(x, dtype):
    """The values as `dtype`, x itself if it has it; the gradient comes back in x's.

    Whole numbers and booleans carry no gradient: the result is then a constant.
    """
    x = wrap(x)
    dtype = backend.result_type(dtype)
    if dtype == x.dtype:
        return x
    if dtype.kind not in "fc":
        return Tensor._of(x._data.astype(dtype), None)
    return AsType.apply(x, dtype=dtype)


def to_device(x, name):
    """x on device `name` ('cpu', 'cuda', 'cuda:1'); the gradient comes back to x's."""
    x = wrap(x)
    kind, index = backend.check_device(name)
    here = kind if kind == "cpu" else f"{kind}:{index}"
    return x if here == x.device else ToDevice.apply(x, name=name)
