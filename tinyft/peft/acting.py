"""Which adapters act: active, switch, enable, disabled, and what forbids a change.

    on        its deltas act at every call, in order of attachment
    merged    it acts as part of the weights (peft.merge)
    off       the model computes as if it were not there

`disabled(model)` gives the base in each of these states, bit for bit. While the model is
merged the weights hold what acted then, so `switch` and `enable` refuse any change: in
every order of calls a state means the same, or there is a sentence.
"""

import contextlib

from tinyft.nn import Module


def attached(model):
    """{name: Adapter} of what is attached to `model`, in order of attachment."""
    if not isinstance(model, Module):
        raise TypeError(
            f"expected a model, a Module with adapters attached, got a "
            f"{type(model).__name__}"
        )
    return model.__dict__.setdefault("_adapters", {})


def find(model, name):
    """The adapter of that name; ValueError listing those that are there."""
    if not isinstance(name, str):
        raise TypeError(f"expected an adapter's name, a string, got {name!r}")
    if name not in attached(model):
        there = ", ".join(map(repr, attached(model))) or "none"
        raise ValueError(f"no adapter named {name!r} is attached; there is {there}")
    return attached(model)[name]


def active(model):
    """The names of the adapters that act now, merged ones too, in order of attachment."""
    return [name for name, one in attached(model).items() if one.state != "off"]


def acting(adapter):
    """'on', 'off', 'merged' or 'partly on': what an adapter's deltas do now."""
    deltas = adapter.deltas.values()
    enabled = [d for d in deltas if d.enabled]
    if not enabled:
        return "off"
    if len(enabled) < len(deltas):
        return "partly on"
    return "merged" if all(d.merged for d in enabled) else "on"


def deltas_of(model):
    """Every delta on the model, in the order in which they act at each site."""
    return [delta for module in model.modules() for delta in module._deltas]


def is_merged(model):
    """Do the weights hold an adapter?"""
    return any("_unmerged" in module.__dict__ for module in model.modules())


def refuse_block(model, call):
    """Raise ValueError inside `disabled` or `rows`, which put back at their end what was
    there at their start."""
    block = model.__dict__.get("_block")
    if block:
        raise ValueError(f"{call}: not inside peft.{block}; leave the block first")


def enable(adapter, enabled):
    """Set every delta of an adapter on or off; ValueError where that cannot be."""
    if all(d.enabled == enabled for d in adapter.deltas.values()):
        return
    refuse_block(adapter.model, "enable")
    if is_merged(adapter.model):
        raise ValueError(
            f"enable({enabled}) of adapter {adapter.name!r}: the model is merged, and its "
            "weights hold what acted then; call unmerge(model) first"
        )
    for delta in adapter.deltas.values():
        delta.enabled = enabled


def switch(model, *names):
    """Let only the adapters of these names act. Returns model.

    No name, or None, is the base. Raises ValueError for an unknown name, or if the model
    is merged and something else would act.
    """
    names = () if names == (None,) else names
    wanted = [find(model, name) for name in names]
    changed = [
        a for a in attached(model).values() if (a in wanted) != (a.state != "off")
    ]
    if changed:
        refuse_block(model, "switch")
    if changed and is_merged(model):
        raise ValueError(
            f"switch({', '.join(map(repr, names))}): the model is merged with "
            f"{', '.join(map(repr, active(model)))}; call unmerge(model) first"
        )
    for adapter in attached(model).values():
        enable(adapter, adapter in wanted)
    return model


@contextlib.contextmanager
def block(model, name):
    """Inside, nothing may be attached, merged or switched; see `refuse_block`."""
    before = model.__dict__.get("_block")
    model.__dict__["_block"] = name
    try:
        yield
    finally:
        model.__dict__["_block"] = before


@contextlib.contextmanager
def disabled(model):
    """Inside the block the model is its base, merged or not; then all is as it was."""
    with (
        block(model, "disabled(model)"),
        _unmerged_inside(model),
        restored(model) as all_,
    ):
        for delta in all_:
            delta.enabled = False
        yield model


@contextlib.contextmanager
def restored(model):
    """Yield all deltas; afterwards each is on or off as it was."""
    before = [(delta, delta.enabled) for delta in deltas_of(model)]
    try:
        yield [delta for delta, _ in before]
    finally:
        for delta, enabled in before:
            delta.enabled = enabled


@contextlib.contextmanager
def _unmerged_inside(model):
    """The base's own arrays in the block, then the merged ones again."""
    held = [m for m in model.modules() if "_unmerged" in m.__dict__]
    sites = [m for m in held if not m.__dict__["_unmerged"].lifted]  # not in a block
    for module in sites:
        exchange(module)
    try:
        yield
    finally:
        for module in sites:
            exchange(module)


def exchange(module):
    """Swap a merged module's arrays with the kept ones; it is its own inverse."""
    kept = module.__dict__["_unmerged"]
    for name, array in kept.arrays.items():
        slot = slot_of(module, name)
        before = slot._version[0]
        kept.arrays[name], slot.data = slot.data, array
        kept.versions[name] += slot._version[0] - before  # this is not a change
    kept.lifted = not kept.lifted


def base_array(module, name):
    """The base's own array of a parameter, also while the model is merged."""
    kept = module.__dict__.get("_unmerged")
    behind = kept is not None and not kept.lifted and name in kept.arrays
    return kept.arrays[name] if behind else module.parameter(name).data


def slot_of(module, name):
    """The bare parameter or buffer of that name, None if the module has none."""
    return module._parameters.get(name, module._buffers.get(name))
