r"""Freeze and unfreeze parameters by name: the coarsest inductive bias there is.

    θ_frozen = θ0 for ever,   the rest is free

A pattern is a regular expression for the end of a parameter's path, or for a module on
it: r"layer[12]" names 'layer1.0.conv1.weight', "bias" every bias, ".*" everything.
Matching nothing is an error that lists near misses: a misspelt pattern would otherwise
fine-tune the whole model in silence.

Frozen is `requires_grad = False`: no gradient, no work in backward, no step. It is not
the whole state of a layer: BatchNorm's running statistics are buffers, which training
mode goes on updating (pytorch/pytorch#86590; chapter 10). Source: Yosinski et al. 2014,
"How transferable are features in deep neural networks?", who froze layer by layer.
"""

import difflib
import re


def freeze(model, pattern):
    """requires_grad = False for each parameter that `pattern` names; returns the names.

    Raises ValueError for a pattern that is no regular expression or matches nothing.
    """
    return _switch("freeze", model, pattern, False)


def unfreeze(model, pattern):
    """requires_grad = True for each parameter `pattern` names; returns the names."""
    return _switch("unfreeze", model, pattern, True)


def _switch(caller, model, pattern, on):
    found = matching(model, pattern, caller)
    for p in found.values():
        p.requires_grad_(on)
        if not on:
            p.grad = None  # an optimiser would take its last step again
    return list(found)


def matching(model, pattern, caller="matching"):
    """{name: Parameter} of those whose path ends in `pattern`, or lies below it."""
    try:
        re.compile(pattern)
        named = re.compile(rf"(.*\.)?({pattern})(\..*)?")
    except (re.error, TypeError) as error:
        raise ValueError(
            f"{caller}: {pattern!r} is not a regular expression: {error}"
        ) from None
    every = dict(model._named("_parameters", "", unique=False))  # tied: all their names
    every |= dict(model.named_parameters())  # and those of adapters
    found = {name: p for name, p in every.items() if named.fullmatch(name)}
    if not found:
        near = near_misses(pattern, every)
        raise ValueError(
            f"{caller}: the pattern {pattern!r} matches no parameter of "
            f"{type(model).__name__}; nearest names: {', '.join(near) or 'it has none'}"
        )
    return found


def near_misses(pattern, names, count=5):
    """The parts of parameter names most like the pattern, else some whole names."""
    parts = {}
    for name in names:
        words = name.split(".")
        for i in range(len(words)):
            for j in range(i + 1, len(words) + 1):
                parts.setdefault(".".join(words[i:j]))
    plain = pattern.replace("\\", "")
    return difflib.get_close_matches(plain, parts, count, 0.5) or list(names)[:count]
