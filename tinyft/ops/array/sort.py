"""Sorting along an axis, and the order that sorts.

    y_i = x_p(i),  p = argsort(x)          gx_p(i) = gy_i

Sorting is a permutation, constant while no two entries change places, so its gradient
is the gradient of reading entries at fixed positions: gy, put back in the order of x.
Equal entries keep their order (stable) and NaN comes last, as in NumPy.
"""

from tinyft import backend
from tinyft.autograd.tensor import Tensor
from tinyft.ops.array.index import Take, places_along
from tinyft.ops.array.shape import reshape
from tinyft.ops.axes import along
from tinyft.ops.operands import wrap


def sort(x, axis=-1):
    """x sorted along `axis`, smallest first; of the flat x with axis=None.

    Values only: PyTorch's sort returns their order too, which is `argsort` here.
    """
    x, axis = _flat_without_axis(x, axis)

    def sorted_along(x, axis):
        order = _order(x, axis)
        return Take.apply(x, key=places_along(order, axis), once=True)

    return along("sort", sorted_along, x, axis)


def argsort(x, axis=-1):
    """The order that sorts x along `axis`, equal entries in their order; integers."""

    def order_along(x, axis):
        return Tensor._of(_order(x, axis), None)

    return along("argsort", order_along, *_flat_without_axis(x, axis))


def _order(x, axis):
    return backend.xp_of(x._data).argsort(x._data, axis=axis, kind="stable")


def _flat_without_axis(x, axis):
    x = wrap(x)
    return (reshape(x, (-1,)), 0) if axis is None else (x, axis)
