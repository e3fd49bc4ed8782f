"""PackedLayer: what layers share whose weight stays packed, in memory and in files.

    y = x Ŵᵀ + b,   Ŵ unpacked in forward and again in backward                        (1)

The packed arrays are buffers, their names say the format: `codes_nf4`, `raw_q4_1`. The
weight is frozen for good and no Parameter. `layer.weight` unpacks it, for whoever needs
the matrix (DoRA's norms, PiSSA's SVD): a new dense array at each read, kept by nobody
here. Storage: quantise/; the product: product.py.
"""

from tinyft import backend, ops
from tinyft.autograd.tensor import Tensor
from tinyft.nn.layers.linear import Linear
from tinyft.nn.module import Buffer, Parameter, WeightSpec
from tinyft.nn.packed.product import PackedLinear
from tinyft.nn.shape import empty
from tinyft.quantise import dequantise


class Unpacked(Tensor):
    """The dense values of a packed weight: a copy that neither trains nor writes back."""

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
            "weight.data = ...: a packed weight is unpacked at each read, so the new "
            "values would be lost; a Linear4bit quantises new ones, layer.pack(array), and "
            "nn.dequantise_linears(model) goes back to floats"
        )


FROZEN = (
    "a packed weight cannot train: a step smaller than half a level would change no "
    "code. Put an adapter on the layer, peft.attach(model, peft.LoRA()), or go back to "
    "floats first, nn.dequantise_linears(model)"
)


class PackedLayer(Linear):
    """y = x Ŵᵀ + b, by (1). x (..., in), y (..., out), bias (out,) in floats or None.

    Holds the arrays of a quantise.Packed or quantise.Blocks matrix (out, in).
    """

    @classmethod
    def of(cls, packed, bias=None, dtype="float32"):
        """A layer that takes over the arrays of a packed matrix (out, in).

        bias: an array (out,) or None. dtype: of the products.
        """
        self = cls.__new__(cls)
        self._check_storage("of", packed)
        self.out_features, self.in_features = packed.shape
        held = None if bias is None else Parameter(bias, dtype=dtype)
        self.register_parameter("bias", held)
        first = next(iter(packed.arrays.values()))
        with backend.device(backend.device_of(first)):
            self.dtype_of(empty((0,), dtype))
        self.hold(packed)
        return self

    def dtype_of(self, array):
        """Take the dtype and device of the products from an array."""
        with backend.device(backend.device_of(array)):
            like = empty((0,), array.dtype)  # `to` changes it as it does a weight
            self.__dict__["_buffers"]["like"] = Buffer(like, False, like.dtype)

    def _check_storage(self, call, packed):
        if not isinstance(packed, self.storage):
            raise TypeError(
                f"{type(self).__name__}.{call}: expected a quantise."
                f"{self.storage.__name__}, got a {type(packed).__name__}"
            )

    def _check_shape(self, call, W):
        if tuple(W.shape) != (self.out_features, self.in_features):
            raise ValueError(
                f"{type(self).__name__}.{call}: expected a weight of shape "
                f"{(self.out_features, self.in_features)}, got {tuple(W.shape)}"
            )

    def hold(self, packed):
        """Take over the arrays of a packed matrix of this layer's shape."""
        self._check_storage("hold", packed)
        self._check_shape("hold", packed)
        for name in [n for n in self._buffers if n != "like"]:
            del self._buffers[name]
        self.form = packed._replace(**dict.fromkeys(packed.arrays))  # no arrays
        first = next(iter(packed.arrays))
        for name, array in packed.arrays.items():
            own = f"{name}_{self.form_name}" if name == first else name
            self._buffers[own] = Buffer(0.0, fixed=True)
            self._buffers[own].data = array

    @property
    def packed(self):
        """The packed matrix of now; the arrays are the layer's own."""
        return self.form._replace(**{n: b.data for n, b in self._stored().items()})

    def _stored(self):
        """{field of the packed matrix: Buffer}."""
        held = self._buffers.items()
        return {name.partition("_")[0]: b for name, b in held if name != "like"}

    @property
    def packed_size(self):
        """How many weights are packed."""
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
                f"{type(self).__name__}.weight = {type(value).__name__}: the weight is "
                f"kept packed; {self.new_values}"
            )
        super().__setattr__(name, value)
