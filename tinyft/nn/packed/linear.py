"""Linear4bit: a Linear layer whose weight stays in 4 bits, in memory and in files.

    y = x Ŵᵀ + b,   Ŵ = scale · level[code], blocks of `block` weights                (1)

Buffers, which are its state:

    codes_nf4   uint8 (⌈out·in/2⌉,), two weights a byte; the name says the code book
    scale       uint8 (blocks,) with nested float32 (⌈blocks/256⌉,) and offset float32
                (1,) of double quantisation; else float32 (blocks,)
    minimum     float32 (blocks,), only of the affine int4

The weight is frozen for good and no Parameter. `layer.weight` unpacks it, for whoever
needs the matrix (DoRA's norms, PiSSA's SVD): a new dense array at each read, kept by
nobody here. Storage: quantise/packed.py; the product: product.py.
"""

from tinyft import backend, ops
from tinyft.autograd.tensor import Tensor
from tinyft.nn.layers.linear import Linear
from tinyft.nn.module import Buffer, Parameter, WeightSpec
from tinyft.nn.packed.product import PackedLinear
from tinyft.nn.shape import empty
from tinyft.quantise import dequantise, quantise


class Unpacked(Tensor):
    """The dense values of a 4-bit weight: a copy that neither trains nor writes back."""

    __slots__ = ()

    @classmethod
    def of(cls, array):
        self = object.__new__(cls)
        self._data, self._node, self._version, self.grad = array, None, [0], None
        return self

    requires_grad = property(lambda self: False)
    data = property(lambda self: self._data)

    @requires_grad.setter
    def requires_grad(self, on):
        if on:
            raise ValueError(f"requires_grad: {FROZEN}")

    @data.setter
    def data(self, array):
        raise ValueError(
            "weight.data = ...: a 4-bit weight is unpacked at each read, so the new values "
            "would be lost; call layer.pack(array), which quantises them"
        )


FROZEN = (
    "a weight in 4 bits cannot train: a step smaller than half a level would change no "
    "code. Put an adapter on the layer, peft.attach(model, peft.LoRA()), or go back to "
    "floats first, nn.dequantise_linears(model)"
)


class Linear4bit(Linear):
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

    @classmethod
    def of(cls, packed, bias=None, dtype="float32"):
        """A layer that takes over the arrays of a quantise.Packed matrix (out, in).

        bias: an array (out,) or None. dtype: of the products.
        """
        self = cls.__new__(cls)
        self.out_features, self.in_features = packed.shape
        held = None if bias is None else Parameter(bias, dtype=dtype)
        self.register_parameter("bias", held)
        with backend.device(backend.device_of(packed.codes)):
            self.dtype_of(empty((0,), dtype))
        self.hold(packed)
        return self

    def dtype_of(self, array):
        """Take the dtype and device of the products from an array."""
        with backend.device(backend.device_of(array)):
            like = empty((0,), array.dtype)  # `to` changes it as it does a weight
            self.__dict__["_buffers"]["like"] = Buffer(like, False, like.dtype)

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

    def _check_shape(self, call, W):
        if tuple(W.shape) != (self.out_features, self.in_features):
            raise ValueError(
                f"Linear4bit.{call}: expected a weight of shape "
                f"{(self.out_features, self.in_features)}, got {tuple(W.shape)}"
            )

    def hold(self, packed):
        """Take over the arrays of a quantise.Packed of this layer's shape."""
        self._check_shape("hold", packed)
        for name in [n for n in self._buffers if n != "like"]:
            del self._buffers[name]
        self.form = packed._replace(**dict.fromkeys(packed.arrays))  # no arrays
        for name, array in packed.arrays.items():
            own = f"codes_{packed.code.name}" if name == "codes" else name
            self._buffers[own] = Buffer(0.0, fixed=True)
            self._buffers[own].data = array

    @property
    def packed(self):
        """The quantise.Packed of now; the arrays are the layer's own."""
        return self.form._replace(**{n: b.data for n, b in self._stored().items()})

    def _stored(self):
        """{field of Packed: Buffer}."""
        held = self._buffers.items()
        return {name.partition("_")[0]: b for name, b in held if name != "like"}

    @property
    def packed_size(self):
        """How many weights are in 4 bits."""
        return self.in_features * self.out_features

    def weight_spec(self, name="weight"):
        """As Module's, from the stored shape."""
        if name != "weight":
            return super().weight_spec(name)
        like = self._buffers["like"]
        return WeightSpec(self.form.shape, like.dtype, like.device)

    def parameter(self, name):
        """The bare Parameter; the weight is unpacked into a Tensor of its own."""
        if name != "weight":
            return super().parameter(name)
        return Unpacked.of(dequantise(self.packed, self._buffers["like"].dtype))

    weight = property(lambda self: self.adapted("weight", self.parameter("weight")))

    def forward(self, x):
        if any(
            d not in self._factored and "weight" in d.changes for d in self.deltas()
        ):
            return ops.linear(x, self.weight, self.bias)
        stored, dtype = self._stored(), self._buffers["like"].dtype
        form = self.form, tuple(stored)
        return PackedLinear.apply(
            x, self.bias, *stored.values(), form=form, dtype=dtype
        )

    def __setattr__(self, name, value):
        if name == "weight":
            raise TypeError(
                f"Linear4bit.weight = {type(value).__name__}: the weight is kept in 4 "
                "bits; call layer.pack(array), which quantises new values"
            )
        super().__setattr__(name, value)

    def extra_repr(self):
        form = self.form
        double = ", scales in 8" if "nested" in self._buffers else ""
        shape = "×".join(map(str, form.shape))
        return f"weight {shape} in 4 bits: {form.code.name}, blocks of {form.block}{double}"
