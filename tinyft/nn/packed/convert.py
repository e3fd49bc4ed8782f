"""quantise_linears and dequantise_linears: layers of a model into 4 bits, and back.

A layer is changed in place, one after the other, so that adapters on it and whoever else
holds it stay, and at no time are there two dense copies of a layer.
"""

from tinyft.nn.layers.linear import Linear
from tinyft.nn.module import Module, Parameter
from tinyft.nn.packed.layer import PackedLayer
from tinyft.nn.packed.linear import Linear4bit
from tinyft.nn.select import refuse_tied, select
from tinyft.quantise import quantise


def quantise_linears(model, include=None, block=64, code="nf4", double=None):
    """Keep the weights of Linear layers in 4 bits from now on. Returns their paths.

    include: a pattern or list of names (nn/select.py); by default every Linear layer
    whose weight is not tied to another (a head that is also the embedding stays).
    block, code, double: as Linear4bit. Adapters on the layers go on, on the rounded
    weights. Nothing changes if anything is refused: ValueError for a tied weight, for a
    pattern that names another kind of layer with a matrix (an Embedding, a convolution),
    for a merged model, and for NaN or Inf in a weight.
    """
    layers = _linears(model, include)
    packed = {}
    for path, layer in layers.items():
        try:
            packed[path] = quantise(layer.parameter("weight").data, block, code, double)
        except ValueError as error:
            raise ValueError(f"quantise_linears at {path!r}: {error}") from None
    for path, layer in layers.items():
        pack(layer, packed.pop(path))
    return list(layers)


def dequantise_linears(model, include=None):
    """Make Linear4bit and LinearGGUF layers Linear layers in place. Returns their paths.

    The float weights are the rounded ones, exactly what the layer computed with; they are
    frozen while an adapter is attached. include: as for quantise_linears. Raises
    ValueError if it names no layer that is packed.
    """
    found = _named(model, "dequantise_linears", include)
    layers = {path: m for path, m in found.items() if isinstance(m, PackedLayer)}
    if not layers:
        raise ValueError(
            f"dequantise_linears: no layer that is named is in 4 bits; this "
            f"{type(model).__name__} has {', '.join(model.named_packed()) or 'none'}"
        )
    frozen = "_before_attach" in model.__dict__  # by peft.attach
    for layer in layers.values():
        unpack(layer, trains=not frozen)
    return list(layers)


def pack(layer, packed, kind=Linear4bit):
    """Make a Linear a layer of this kind with these packed arrays, in place."""
    W = layer._parameters.pop("weight").data
    layer.__class__ = kind
    layer.dtype_of(W)
    layer.hold(packed)


def unpack(layer, trains=True):
    """Make a packed layer a Linear with the dense weight, in place."""
    W = layer.parameter("weight").data
    layer._buffers.clear()
    del layer.form
    layer.__class__ = Linear
    weight = Parameter(0.0, trains, W.dtype)
    weight.data = W
    layer.__dict__["_parameters"] = {"weight": weight, **layer._parameters}


def _named(model, call, include):
    """{path: module} of what `include` names; all of them by default."""
    if not isinstance(model, Module):
        raise TypeError(f"{call}: expected a model, got a {type(model).__name__}")
    modules = dict(model.named_modules())
    if include is None:
        return modules
    return {
        path: modules[path] for path in select(f"{call}: include", include, modules)
    }


def _linears(model, include):
    call = "quantise_linears"
    found = _named(model, call, include)
    linears = {path: m for path, m in found.items() if type(m) is Linear}
    if include is None:
        tied = _tied(model)
        linears = {
            p: m for p, m in linears.items() if id(m.parameter("weight")) not in tied
        }
    else:
        _refuse_others(call, found)
        refuse_tied(call, model, (f"{path}.weight" for path in linears))
    if not linears:
        raise ValueError(
            f"{call}: no Linear layer with a weight of its own is named; name some with "
            "include=..., as nn.Module.named_modules() lists them"
        )
    for path, m in linears.items():
        if "_unmerged" in m.__dict__:
            raise ValueError(
                f"{call}: {path!r} holds a merged adapter; call peft.unmerge(model) first, "
                "or peft.bake(model) to quantise the merged weight for good"
            )
    return linears


def _refuse_others(call, found):
    """Layers with a matrix that is not a Linear layer's are refused by name."""
    for path, m in found.items():
        spec = m.weight_spec() if "weight" in m._parameters or m.packed_size else None
        if spec and len(spec.shape) > 1 and type(m) is not Linear:
            why = "is in 4 bits already" if m.packed_size else "is not a Linear layer"
            raise ValueError(
                f"{call}: {path!r}, a {type(m).__name__}, {why}; only the weights of "
                "Linear layers are packed. Leave it out of the pattern"
            )


def _tied(model):
    """The ids of parameters that have several names."""
    seen, tied = set(), set()
    for _, p in model._named("_parameters", "", unique=False):
        (tied if id(p) in seen else seen).add(id(p))
    return tied
