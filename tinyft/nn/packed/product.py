"""y = x Ŵᵀ + b with Ŵ packed: unpacked in forward, dropped, unpacked again in backward.

    gx = gy Ŵ        gb = sum of gy over the rows        Ŵ has no gradient            (1)

What the tape keeps is the packed arrays, which the layer holds anyway: the dense matrix
lives for one product. Codes are chosen by a nearest-level search, a step function whose
derivative is zero almost everywhere, so (1) is exact and a gradient for Ŵ would be of no
use. Source: Dettmers et al. 2023, "QLoRA", equations (5) and (6).
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.neural.linear import add_bias, column_sum, rows_of
from tinyft.ops.operands import cast
from tinyft.quantise import dequantise


class PackedLinear(Function):
    scalars = False

    @staticmethod
    def forward(ctx, x, bias, *arrays, form, dtype):
        packed = filled(form, arrays)
        _check_shapes(x, packed.shape)
        ctx.save(*(arrays if ctx.needs[0] else ()))
        ctx.form, ctx.dtype = form, dtype
        ctx.dtypes = x.dtype, dtype if bias is None else bias.dtype
        x, W = backend.match(x, dequantise(packed, dtype))
        y = rows_of(x, packed.shape[1]) @ W.T  # (rows, in) (in, out)
        y = y if bias is None else add_bias(y, bias)
        return y.reshape(*x.shape[:-1], packed.shape[0])

    @staticmethod
    def backward(ctx, gy):
        g, gx, gb = rows_of(gy, gy.shape[-1]), None, None
        if ctx.needs[0]:
            arrays = [getattr(a, "data", a) if ctx.graph else a for a in ctx.saved]
            W = dequantise(filled(ctx.form, arrays), ctx.dtype)
            gx = (g @ W).reshape(*gy.shape[:-1], W.shape[1])
        if ctx.needs[1]:
            gb = column_sum(g)
        rest = [None] * (len(ctx.needs) - 2)
        return cast(gx, ctx.dtypes[0]), cast(gb, ctx.dtypes[1]), *rest


def filled(form, arrays):
    """The Packed of form, (a Packed without arrays, their names), with its arrays."""
    return form[0]._replace(**dict(zip(form[1], arrays)))


def _check_shapes(x, shape):
    if x.ndim == 0 or x.shape[-1] != shape[1]:
        raise ValueError(
            f"packed_linear: x has shape {x.shape} and the packed weight {shape}; "
            "expected x (..., in) and weight (out, in) with the same `in`"
        )
