"""LinearGGUF: a Linear layer whose weight stays in the blocks of a GGUF file.

    y = x Ŵᵀ + b,   Ŵ decoded from ggml's blocks, Q4_1 and the others                 (1)

The one buffer, which is its state with the bias: raw_q4_1, uint8 (bytes,), as the file
has it; the name says the type. A view of a mapped file takes no memory until it is read.
Formats: quantise/ggml.py. What it shares with Linear4bit is in layer.py.
"""

from tinyft import backend
from tinyft.nn.layers.linear import Linear
from tinyft.nn.module import Module
from tinyft.nn.packed.convert import pack
from tinyft.nn.packed.layer import PackedLayer
from tinyft.nn.select import refuse_tied
from tinyft.nn.shape import empty, positive, zeros
from tinyft.quantise.ggml import FORMS, Blocks, byte_count


class LinearGGUF(PackedLayer):
    """y = x Ŵᵀ + b, by (1). x (..., in), y (..., out), bias (out,) in floats or None.

    Starts as zeros, to be filled by `hold(blocks)` or `load_state_dict`; of(blocks, bias)
    makes one from a quantise.Blocks. kind: "Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q4_K",
    "Q6_K", "F16" or "F32". dtype: of the product, which `to` changes. Raises ValueError
    for an unknown kind, or if `in` is not a whole number of blocks.
    """

    def __init__(self, in_features, out_features, bias=True, kind="Q4_1", dtype=None):
        positive("LinearGGUF", in_features=in_features, out_features=out_features)
        if kind not in FORMS:
            raise ValueError(
                f"LinearGGUF: the kind {kind!r} is not one of {', '.join(FORMS)}"
            )
        self.in_features, self.out_features = in_features, out_features
        self.register_parameter("bias", zeros((out_features,), dtype) if bias else None)
        self.dtype_of(empty((0,), dtype))
        shape = (out_features, in_features)
        raw = empty((byte_count(kind, shape),), "uint8")
        self.hold(Blocks(kind, shape, raw))

    storage = Blocks
    form_name = property(lambda self: self.form.kind.lower())
    packed_in = property(lambda self: f"the blocks of a GGUF file ({self.form.kind})")
    new_values = (
        "call layer.hold(blocks) with a quantise.Blocks, or go back to floats with "
        "nn.dequantise_linears(model)"
    )

    def hold(self, packed):
        """Take over the blocks of this layer's shape; ValueError for another size."""
        self._check_storage("hold", packed)
        if packed.raw.size != packed.nbytes:
            raise ValueError(
                f"LinearGGUF.hold: {packed.kind} of shape {tuple(packed.shape)} takes "
                f"{packed.nbytes} bytes, got {packed.raw.size}"
            )
        super().hold(packed)

    def extra_repr(self):
        shape = "×".join(map(str, self.form.shape))
        return (
            f"weight {shape} in GGUF blocks: {self.form.kind}, {self.form.bits:g} bits"
        )


def hold_blocks(model, blocks):
    """Keep weights of Linear layers in the blocks of a GGUF file. Returns their paths.

    blocks: {parameter name of the model: quantise.Blocks}, as io.llamacpp.parameters
    gives them. In place; the dense weights are dropped. Nothing changes if anything is
    refused: KeyError for a name that is not the weight of a Linear layer (an embedding,
    a norm), ValueError for another shape and for a weight that is tied to another name.
    """
    if not isinstance(model, Module):
        raise TypeError(f"hold_blocks: expected a model, got a {type(model).__name__}")
    layers, modules = {}, dict(model.named_modules())
    for name, held in blocks.items():
        path, _, last = name.rpartition(".")
        layer = modules.get(path)
        if last != "weight" or type(layer) is not Linear:
            raise KeyError(
                f"hold_blocks: {name!r} is not the weight of a Linear layer of this "
                f"{type(model).__name__}; put the others in as floats, blocks.array()"
            )
        if layer.weight_spec().shape != tuple(held.shape):
            raise ValueError(
                f"hold_blocks: {name} has shape {layer.weight_spec().shape}, the blocks "
                f"{tuple(held.shape)}"
            )
        layers[path] = layer, held
    refuse_tied("hold_blocks", model, (f"{path}.weight" for path in layers))
    for layer, held in layers.values():
        device = layer.weight_spec().device
        pack(layer, held._replace(raw=backend.to(held.raw, device)), LinearGGUF)
    return list(layers)
