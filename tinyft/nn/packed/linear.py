"""Linear4bit: a Linear layer whose weight stays in 4 bits, in memory and in files.

    y = x Ŵᵀ + b,   Ŵ = scale · level[code], blocks of `block` weights                (1)

Buffers, which are its state:

    codes_nf4   uint8 (⌈out·in/2⌉,), two weights a byte; the name says the code book
    scale       uint8 (blocks,) with nested float32 (⌈blocks/256⌉,) and offset float32
                (1,) of double quantisation; else float32 (blocks,)
    minimum     float32 (blocks,), only of the affine int4

What it shares with other packed layers, `of`, `hold`, `weight` and the product, is in
layer.py; the storage in quantise/packed.py.
"""

from tinyft.nn.layers.linear import Linear
from tinyft.nn.packed.layer import PackedLayer
from tinyft.quantise import Packed, quantise


class Linear4bit(PackedLayer):
    """y = x Ŵᵀ + b, by (1). x (..., in), y (..., out), bias (out,) in floats or None.

    Starts as a Linear layer does, then packed. block: weights per scale, a power of two
    from 16 to 4096. code: "nf4", "even" or "int4" (affine). double: the scales in 8 bits
    too; by default where the code has an exact zero. dtype: of the product, which `to`
    changes; the stored constants stay float32. A weight with NaN or Inf is refused.
    """

    def __init__(
        self,
        in_features,
        out_features,
        bias=True,
        block=64,
        code="nf4",
        double=None,
        rng=None,
        dtype=None,
    ):
        dense = Linear(in_features, out_features, bias, rng, dtype)
        self.in_features, self.out_features = in_features, out_features
        self.register_parameter("bias", dense.bias)
        self.dtype_of(dense.weight.data)
        self.pack(dense.weight.data, block, code, double)

    storage = Packed
    new_values = "call layer.pack(array), which quantises new values"
    form_name = property(lambda self: self.form.code.name)

    def pack(self, W, block=None, code=None, double=None):
        """Quantise an array (out, in) into this layer; options stay unless given.

        Raises ValueError for another shape, and as `quantise` does. Returns self.
        """
        self._check_shape("pack", W)
        if "form" in self.__dict__ and code is None:
            code, double = self.form.code, "nested" in self._buffers
            block = block or self.form.block
        self.hold(quantise(W, block or 64, code or "nf4", double))
        return self

    def extra_repr(self):
        form = self.form
        double = ", scales in 8" if "nested" in self._buffers else ""
        shape = "×".join(map(str, form.shape))
        return f"weight {shape} in 4 bits: {form.code.name}, blocks of {form.block}{double}"
