r"""Freeze and unfreeze parameters by name: the coarsest inductive bias there is.

    θ_frozen = θ0 for ever,   the rest is free

A pattern is a regular expression for the end of a parameter's path, or for a module on
it: r"layer[12]" names 'layer1.0.conv1.weight', "bias" every bias, ".*" everything.
Matching nothing is an error that lists near misses, since a misspelt pattern would
fine-tune the whole model in silence; so is a name that could mean one module or several
("conv1" of a ResNet: "^conv1" is the stem's alone). The language is nn/select.py's.

Frozen is `requires_grad = False`: no gradient, no work in backward, no step. It is not
the whole state of a layer: BatchNorm's running statistics are buffers, which training
mode goes on updating (pytorch/pytorch#86590; chapter 10). Source: Yosinski et al. 2014,
"How transferable are features in deep neural networks?", who froze layer by layer.
"""

from tinyft.nn.packed_weights import refuse_packed
from tinyft.nn.select import select


def freeze(model, pattern):
    """requires_grad = False for each parameter that `pattern` names; returns the names.

    pattern: a regular expression or a list of names. Raises ValueError if it is neither,
    matches nothing, or is ambiguous.
    """
    return _switch("freeze", model, pattern, False)


def unfreeze(model, pattern):
    """requires_grad = True for each parameter `pattern` names; returns the names."""
    return _switch("unfreeze", model, pattern, True)


def _switch(caller, model, pattern, on):
    found = matching(model, pattern, caller, packed=not on)
    for p in found.values():
        p.requires_grad_(on)
        if not on:
            p.grad = None  # an optimiser would take its last step again
    return list(found)


def matching(model, pattern, caller="matching", packed=False):
    """{name: Parameter} of those whose path ends in `pattern`, or lies below it.

    Raises ValueError if it names a weight in 4 bits, which is frozen for good, unless
    `packed` passes these over.
    """
    if not isinstance(pattern, (str, list, tuple)):
        raise ValueError(
            f"{caller}: {pattern!r} is not a regular expression or a list of names"
        )
    every = dict(model._named("_parameters", "", unique=False))  # tied: all their names
    every |= dict(model.named_parameters())  # and those of adapters
    names = (*every, *model.named_packed())
    paths = dict.fromkeys(path for name in names for path in _path_and_above(name))
    kind = f"parameter of {type(model).__name__}"
    named = set(select(f"{caller}: the pattern", pattern, paths, kind))
    found = [n for n in names if named.intersection(_path_and_above(n))]
    if not packed:
        refuse_packed(f"{caller}: {pattern!r}", (n for n in found if n not in every))
    return {name: every[name] for name in found if name in every}


def _path_and_above(name):
    """'fc', 'fc.weight' for 'fc.weight'."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
