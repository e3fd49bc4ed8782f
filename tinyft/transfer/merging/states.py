"""What is merged: {name: array}, of a model or a file, and whether several fit together."""

import math
from numbers import Real

from tinyft import backend
from tinyft.autograd import Tensor
from tinyft.nn import Module

BAKE = (
    "its own weights do not move under an adapter; peft.bake it first, or add adapters "
    "with peft.combine"
)


def state_of(caller, source):
    """{name: array} of a model, with its buffers, or of a dict of arrays or Tensors."""
    if isinstance(source, Module):
        refuse_adapters(caller, source)
        source = source.state_dict()
    if not isinstance(source, dict) or not source:
        raise ValueError(
            f"{caller}: expected models, or dicts {{name: array}} as model.state_dict() "
            f"and io.load(path) give them; got {type(source).__name__}"
        )
    return {k: v.data if isinstance(v, Tensor) else v for k, v in source.items()}


def parameters_of(caller, source):
    """{name: array}: a model's parameters, each once, or the floats of a dict."""
    if not isinstance(source, Module):
        state = state_of(caller, source)
        return {name: x for name, x in state.items() if x.dtype.kind == "f"}
    refuse_adapters(caller, source)
    return {name: p.data for name, p in source.named_base_parameters()}


def refuse_adapters(caller, model):
    """ValueError for a model with an adapter or with packed weights."""
    name = type(model).__name__
    if any(True for _ in model.named_deltas()):
        raise ValueError(f"{caller}: {name} has an adapter, and {BAKE}")
    if next(iter(model.named_packed()), None):
        raise ValueError(
            f"{caller}: weights of {name} are kept in 4 bits, which cannot be averaged; "
            "nn.dequantise_linears(model) first"
        )


def check_alike(caller, states):
    """ValueError, naming the first few, where names or shapes differ or NaN is inside."""
    if not states:
        raise ValueError(f"{caller}: the list is empty; give one model or more")
    first = states[0]
    for i, state in enumerate(states[1:], 1):
        check_fits(caller, state, first, f"number {i}", "number 0")
        if state.keys() != first.keys():
            missing = ", ".join(sorted(first.keys() - state.keys())[:4])
            raise ValueError(f"{caller}: number {i} lacks {missing}; number 0 has them")
    check_finite(caller, states)


def check_fits(caller, part, whole, one, other):
    """ValueError if a name of `part` is not in `whole`, or has another shape there."""
    odd = sorted(part.keys() - whole.keys())
    if odd:
        raise ValueError(
            f"{caller}: {one} has {', '.join(odd[:4])}, which {other} lacks; only models "
            "of one architecture can be merged, name by name"
        )
    for name, x in part.items():
        if x.shape != whole[name].shape:
            raise ValueError(
                f"{caller}: {name} has shape {x.shape} in {one} and {whole[name].shape} "
                f"in {other}; a head for other classes has to stay out of the merge"
            )


def check_finite(caller, states):
    """ValueError for NaN or infinity: one would spread to the whole result."""
    for i, state in enumerate(states):
        for name, x in state.items():
            if x.dtype.kind == "f" and not bool(backend.xp_of(x).isfinite(x).all()):
                raise ValueError(
                    f"{caller}: {name} of number {i} holds NaN or infinity"
                )


def numbers(caller, values, count):
    """`count` finite floats: one per model. A single number serves for all."""
    values = [values] * count if isinstance(values, Real) else list(values)
    good = all(isinstance(w, Real) and math.isfinite(w) for w in values)
    if not good or len(values) != count:
        raise ValueError(
            f"{caller}: expected {count} finite weights, one for each, got {values!r}"
        )
    return [float(w) for w in values]  # a NumPy scalar would promote float32
