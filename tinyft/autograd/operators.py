"""An array's operators, for Tensors: each calls its function in tinyft.ops."""

from tinyft.autograd.inplace import update

ops = None  # the namespace of tinyft.ops; tensor.use_ops() puts it here


class Operators:
    """What `x + y`, `x < y`, `x[1:]` mean: NumPy's meaning of each operator."""

    __slots__ = ()

    def __add__(self, other):
        return ops.add(self, other)

    def __radd__(self, other):
        return ops.add(other, self)

    def __sub__(self, other):
        return ops.sub(self, other)

    def __rsub__(self, other):
        return ops.sub(other, self)

    def __mul__(self, other):
        return ops.mul(self, other)

    def __rmul__(self, other):
        return ops.mul(other, self)

    def __truediv__(self, other):
        return ops.div(self, other)

    def __rtruediv__(self, other):
        return ops.div(other, self)

    def __pow__(self, other):
        return ops.pow(self, other)

    def __rpow__(self, other):
        return ops.pow(other, self)

    def __floordiv__(self, other):
        return ops.floor_divide(self, other)

    def __rfloordiv__(self, other):
        return ops.floor_divide(other, self)

    def __mod__(self, other):
        return ops.remainder(self, other)

    def __rmod__(self, other):
        return ops.remainder(other, self)

    def __matmul__(self, other):
        return ops.matmul(self, other)

    def __rmatmul__(self, other):
        return ops.matmul(other, self)

    def __neg__(self):
        return ops.neg(self)

    def __pos__(self):
        return self

    def __abs__(self):
        return ops.abs(self)

    # --- x += y: see inplace.py ----------------------------------------------------
    def __iadd__(self, other):
        return update(self, other, ops.add, "+=")

    def __isub__(self, other):
        return update(self, other, ops.sub, "-=")

    def __imul__(self, other):
        return update(self, other, ops.mul, "*=")

    def __itruediv__(self, other):
        return update(self, other, ops.div, "/=")

    def __getitem__(self, index):
        return ops.index(self, index)

    def __eq__(self, other):
        return NotImplemented if _is_foreign(other) else ops.equal(self, other)

    def __ne__(self, other):
        return NotImplemented if _is_foreign(other) else ops.not_equal(self, other)

    def __lt__(self, other):
        return ops.less(self, other)

    def __le__(self, other):
        return ops.less_equal(self, other)

    def __gt__(self, other):
        return ops.greater(self, other)

    def __ge__(self, other):
        return ops.greater_equal(self, other)

    def __contains__(self, value):
        return not _is_foreign(value) and bool(ops.any(ops.equal(self, value)))

    def __invert__(self):
        _check_booleans("~", self)
        return ops.logical_not(self)

    def __and__(self, other):
        _check_booleans("&", self, other)
        return ops.logical_and(self, other)

    def __or__(self, other):
        _check_booleans("|", self, other)
        return ops.logical_or(self, other)

    def __xor__(self, other):
        _check_booleans("^", self, other)
        return ops.not_equal(self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__  # they commute

    def __round__(self, decimals=0):
        return ops.round(self, decimals)


def _is_foreign(other):
    """What equals no tensor: `x == None` is False, as for any two unlike objects."""
    return other is None or isinstance(other, str)


def _check_booleans(sign, *operands):
    for x in operands:
        dtype = getattr(x, "dtype", type(x).__name__)
        if dtype != "bool":
            raise TypeError(
                f"{sign} is for booleans, got {dtype}; compare first, in brackets: "
                f"(x > 0) {sign} (x < 1)"
            )
