"""`p -= 0.1 * p.grad`: in place for what a model keeps, as for arrays.

Python's `x -= y` binds a new name unless x changes itself. For a parameter that is a
step which does nothing: the model keeps the old one. So leaves that train, Parameters
and Buffers change in place where nothing is recorded (`no_grad()`), and are refused
where it is, since the tape may have saved them. Every other Tensor is rebound, as ever.
"""

import operator

from tinyft import backend
from tinyft.autograd.mode import is_grad_enabled


def _method(function, sign):
    def method(self, other):
        if not self.is_leaf or not (self.requires_grad or self.kept):
            return NotImplemented  # x = x - y
        recorded = self.requires_grad or getattr(other, "requires_grad", False)
        if is_grad_enabled() and recorded:
            raise RuntimeError(
                f"x {sign} y on a {type(self).__name__} of shape {self.shape} while "
                "gradients are recorded; to change it in place write `with "
                f"tinyft.no_grad(): x {sign} y`, for a new tensor `z = x "
                f"{sign[:-1]} y`"
            )
        values = getattr(other, "_data", other)
        if backend.devices_in_use():
            arrays = [a for a in (self._data, values) if backend.is_array(a)]
            backend.check_same_device(f"x {sign} y", arrays)
        function(self._data, values)
        self._version[0] += 1
        return self

    return method


class InPlace:
    """The augmented assignments of a Tensor."""

    __slots__ = ()
    kept = False  # True for Parameters and Buffers: a model holds this very object

    __iadd__ = _method(operator.iadd, "+=")
    __isub__ = _method(operator.isub, "-=")
    __imul__ = _method(operator.imul, "*=")
    __itruediv__ = _method(operator.itruediv, "/=")
    __ifloordiv__ = _method(operator.ifloordiv, "//=")
    __imod__ = _method(operator.imod, "%=")
    __ipow__ = _method(operator.ipow, "**=")
    __imatmul__ = _method(operator.imatmul, "@=")
    __iand__ = _method(operator.iand, "&=")
    __ior__ = _method(operator.ior, "|=")
    __ixor__ = _method(operator.ixor, "^=")
