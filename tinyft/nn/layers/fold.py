"""fold_batchnorm: BatchNorm's running statistics as part of the layer before it.

    γ (W x + b − μ) / sqrt(σ² + ε) + β = (s W) x + s (b − μ) + β,   s = γ / sqrt(σ² + ε)

The same function in evaluation, with one pass over the image less; exact up to rounding
(computed in float64, rounded once). Zero padding stays right, as it comes before the
bias. Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
"""

from itertools import pairwise

from tinyft.nn.layers.container import Sequential
from tinyft.nn.layers.conv import Conv2d
from tinyft.nn.layers.linear import Identity, Linear
from tinyft.nn.layers.norm import BatchNorm1d, BatchNorm2d
from tinyft.nn.module import Module, Parameter


def fold_batchnorm(model):
    """Fold each BatchNorm that follows a Conv2d or Linear into it. Returns their paths.

    In place: the layer gets a bias, the norm becomes an nn.Identity. Found are
    neighbours in an nn.Sequential, and the pairs of names that a module lists in its
    class attribute `norms_of` (our ResNets do). Nothing changes if one is refused:
    ValueError in training mode, for a norm without running statistics, for layers that
    are shared, adapted or merged, and if there is nothing to fold.
    """
    if not isinstance(model, Module):
        raise TypeError(
            f"fold_batchnorm: expected a model, got a {type(model).__name__}"
        )
    pairs = list(_pairs(model))
    if not pairs:
        raise ValueError(
            f"fold_batchnorm: this {type(model).__name__} has no BatchNorm right after a "
            "Conv2d or Linear in an nn.Sequential; name the pairs of your own module in "
            'a class attribute, norms_of = (("conv1", "bn1"),)'
        )
    shared = _shared(model)
    for path, owner, first, second in pairs:
        _check(path, owner._modules[first], owner._modules[second], shared)
    for _, owner, first, second in pairs:
        _fold(owner._modules[first], owner._modules[second])
        owner._modules[second] = Identity()
    return [path for path, *_ in pairs]


def _pairs(model):
    """(path of the layer, its owner, its name, the norm's name) of all that can fold."""
    for path, owner in model.named_modules():
        names = list(owner._modules) if isinstance(owner, Sequential) else []
        found = [*pairwise(names), *getattr(owner, "norms_of", ())]
        for first, second in found:
            layer, norm = owner._modules.get(first), owner._modules.get(second)
            if isinstance(layer, Conv2d | Linear) and isinstance(norm, BatchNorm2d):
                yield f"{path}.{first}" if path else first, owner, first, second


def _shared(model):
    """The ids of modules and parameters that have several names."""
    seen, shared, places = set(), set(), []
    for owner in model.modules():
        places += [m for m in owner._modules.values() if m is not None]
    places += [p for _, p in model._named("_parameters", "", unique=False)]
    for one in places:
        (shared if id(one) in seen else seen).add(id(one))
    return shared


def _check(path, layer, norm, shared):
    """Raise ValueError unless the pair is one function of x in evaluation."""
    call = f"fold_batchnorm at {path!r}"
    if type(norm) not in (BatchNorm1d, BatchNorm2d):
        raise ValueError(
            f"{call}: a {type(norm).__name__} follows, which is not a plain BatchNorm and "
            "may use other statistics in evaluation; only BatchNorm1d and BatchNorm2d fold"
        )
    if norm.running_mean is None or norm.statistics == "batch":
        raise ValueError(
            f"{call}: the norm uses the statistics of each batch, which no fixed weight "
            "can stand for; only running statistics fold"
        )
    if norm.training and norm.statistics != "frozen":
        raise ValueError(
            f"{call}: the norm is in training mode, where its statistics change with "
            "every batch; call model.eval() first"
        )
    if any(id(one) in shared for m in (layer, norm) for one in _held(m)):
        raise ValueError(
            f"{call}: the layer or the norm is used in two places, or a weight is tied, "
            "and the other place would change too; it cannot be folded"
        )
    if any(m.__dict__["_deltas"] or "_unmerged" in m.__dict__ for m in (layer, norm)):
        raise ValueError(
            f"{call}: an adapter sits on it; peft.bake(model) puts the adapter into the "
            "weights for good, peft.detach(adapter) takes it off. Then fold"
        )
    if layer.packed_size:
        raise ValueError(
            f"{call}: the weight is kept in few bits and cannot be multiplied; call "
            "nn.dequantise_linears(model) first"
        )


def _held(module):
    return module, *(p for p in module._parameters.values() if p is not None)


def _fold(layer, norm):
    """Give the layer the norm's scale and shift."""
    W, dtype = layer.weight, layer.weight.dtype
    mean, var = (
        b.data.astype("float64") for b in (norm.running_mean, norm.running_var)
    )
    s = (var + norm.eps) ** -0.5
    shift = -mean if layer.bias is None else layer.bias.data.astype("float64") - mean
    if norm.weight is not None:
        s = norm.weight.data * s
    shift = s * shift if norm.bias is None else s * shift + norm.bias.data
    scale = s.reshape(-1, *[1] * (W.ndim - 1))
    W.data = (W.data * scale).astype(dtype)
    bias = Parameter(0.0, W.requires_grad, dtype)
    bias.data = shift.astype(dtype)
    layer._parameters["bias"] = bias
