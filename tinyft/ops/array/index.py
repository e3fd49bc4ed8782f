"""Taking entries out of an array, and the gradient: putting them back, added up.

    y = x[key]        gx = zeros;  gx[key] += gy        (an entry taken twice gets both)

A key of integers, slices, None and ... is a view (`Slice`); its entries are all
different, so the gradient is assigned. A key with arrays copies (`Take`), and its
gradient is added. Reading and putting back are each other's derivative, so every order
of differentiation works.
"""

from tinyft import backend
from tinyft.autograd import hints
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor
from tinyft.ops.array.compare import check_ids
from tinyft.ops.array.shape import broadcast_to, reshape
from tinyft.ops.axes import axis_of
from tinyft.ops.operands import array_of, wrap


class Slice(Function):
    view, scalars = True, False

    @staticmethod
    def forward(ctx, x, key):
        ctx.key, ctx.shape = key, x.shape
        return x[key]

    @staticmethod
    def backward(ctx, gy):
        return PutBack.call(gy, key=ctx.key, shape=ctx.shape, once=True)


class Take(Function):
    """x[key] for a key with arrays; `once` promises that no entry is taken twice."""

    scalars = False

    @staticmethod
    def forward(ctx, x, key, once):
        ctx.key, ctx.shape, ctx.once = key, x.shape, once
        return x[key]

    @staticmethod
    def backward(ctx, gy):
        return PutBack.call(gy, key=ctx.key, shape=ctx.shape, once=ctx.once)


class PutBack(Function):
    """Zeros of `shape` with x added at `key`."""

    @staticmethod
    def forward(ctx, x, key, shape, once):
        ctx.key, ctx.once = key, once
        xp = backend.xp_of(x)
        if once:
            y = xp.zeros(shape, x.dtype)
            y[key] = x
            return y
        wide = backend.float32 if x.dtype == backend.float16 else x.dtype
        y = xp.zeros(shape, wide)  # many float16 terms would stop at 2048 of them
        backend.scatter_add(y, key, x.astype(wide, copy=False))
        return y.astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx, gy):
        if isinstance(gy, Tensor):
            return Take.apply(gy, key=ctx.key, once=ctx.once)
        return gy[ctx.key]


class Embedding(Function):
    """weight[ids]: rows, with the ids watched for changes in place."""

    @staticmethod
    def forward(ctx, ids, weight):
        check_ids("embedding", ids, weight.shape[0], "the number of rows of weight")
        ctx.save(ids)
        ctx.shape = weight.shape
        return weight[ids]

    @staticmethod
    def backward(ctx, gy):
        (ids,) = ctx.saved
        if not ctx.needs[1]:
            return None, None
        return None, PutBack.call(gy, key=array_of(ids), shape=ctx.shape, once=False)


def index(x, key):
    """x[key] as NumPy indexes: integers, slices, None, ..., integer and boolean arrays.

    Lists and Tensors count as arrays. Returns a Tensor: a view of x if the key has no
    array, else a copy. Raises IndexError for float indices or positions outside x.
    """
    parts = [_part(p) for p in (key if isinstance(key, tuple) else (key,))]
    arrays = [p for p in parts if isinstance(p, bool) or hasattr(p, "dtype")]
    key = tuple(parts) if isinstance(key, tuple) else parts[0]
    if not arrays:
        return Slice.apply(x, key=key)
    masks = [isinstance(p, bool) or p.dtype.kind == "b" for p in arrays]
    return Take.apply(x, key=key, once=all(masks) and len(masks) == 1)


def _part(part):
    """One element of a key: lists and Tensors as arrays, the rest unchanged."""
    arrays = backend.is_array(part) or hints.is_foreign(part)
    if isinstance(part, (list, Tensor)) or arrays:
        part = array_of(part)
        if part.dtype.kind not in "iub" and part.size:
            raise IndexError(
                f"index: an array of {part.dtype} cannot index; use integers or "
                "booleans (ids.astype('int64'))"
            )
        return part if part.size or part.dtype.kind in "iub" else part.astype("int64")
    return part.item() if backend.is_scalar(part) and hasattr(part, "item") else part


def take_along_axis(x, indices, axis):
    """y[i, j] = x[i, indices[i, j]] for axis 1, and so on; as `numpy.take_along_axis`.

    The other axes of `indices` broadcast against those of x. With axis=None x is flat.
    """
    x, indices = wrap(x), array_of(indices)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = axis_of("take_along_axis", x.ndim, axis, x.shape)
    _check_along("take_along_axis", x, indices)
    sizes = list(zip(indices.shape, x.shape))
    shape = [m if n == 1 and i != axis else n for i, (n, m) in enumerate(sizes)]
    whole = [n if m == 1 and i != axis else m for i, (n, m) in enumerate(sizes)]
    x = x if whole == [*x.shape] else broadcast_to(x, whole)
    return _along(x, backend.xp_of(indices).broadcast_to(indices, shape), axis)


def gather(x, indices, axis):
    """y[i, j] = x[i, indices[i, j]] for axis 1, and so on: PyTorch's gather.

    Its order of arguments is (x, axis, indices); here the axis comes last, as in NumPy.
    y has the shape of `indices`, which may be smaller than x in the other axes (nothing
    broadcasts, unlike take_along_axis). An index taken twice gets both gradients.
    """
    x, indices = wrap(x), array_of(indices, scalars=False)
    if x.ndim == indices.ndim == 0:
        return reshape(gather(reshape(x, (1,)), indices.reshape(1), axis), ())
    axis = axis_of("gather", x.ndim, axis, x.shape)
    _check_along("gather", x, indices)
    return _along(x, indices, axis)


def _check_along(what, x, indices):
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{what}: indices must be integers, got {indices.dtype}")
    if indices.ndim != x.ndim:
        raise ValueError(
            f"{what}: indices of shape {indices.shape} need as many axes as x, which "
            f"has shape {x.shape}"
        )


def _along(x, indices, axis):
    key = places_along(indices, axis)
    return Take.apply(x, key=key, once=indices.shape[axis] == 1)


def places_along(indices, axis):
    """The key that reads, for each entry of `indices`, that position along `axis`."""
    xp, key = backend.xp_of(indices), []
    for i, n in enumerate(indices.shape):
        size = [1] * indices.ndim
        size[i] = n
        key.append(indices if i == axis else xp.arange(n).reshape(size))
    return tuple(key)


def embedding(ids, weight):
    """weight[ids], a row for each id: ids (...), weight (V, d), result (..., d).

    The gradient adds the rows of equal ids. Raises TypeError for ids that are not
    integers, and IndexError for ids outside 0..V-1 (negative ones too, when they are on
    the host; a device is not asked, since it would have to wait).
    """
    return Embedding.apply(wrap(ids), weight)
