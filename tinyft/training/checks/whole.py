"""All that a run changes in its model: base, adapters, buffers, random generators.

weight  <site>.<adapter>.<name>                        arrays, as `named_parameters`
default  model.<path>.<field>  adapter.<...>.<field>   generators
"""

from tinyft.data import rng_state
from tinyft.nn import init
from tinyft.nn.state import slots_of


def slots(model):
    """{name: Parameter or Buffer} of the base and of everything attached to it.

    What several sites of an adapter share stands under its first name.
    """
    return slots_of(model) | adapter_slots(model)


def adapter_slots(model):
    """Those of the adapters alone."""
    found, seen = {}, set()
    for path, delta in model.named_deltas():
        for name, slot in slots_of(delta).items():
            if id(slot) not in seen:
                seen.add(id(slot))
                found[f"{path}.{name}"] = slot
    return found


def generators(model):
    """{label: generator}: the default one, then those of layers and adapters, each once."""
    found, seen = {"default": init.generator()}, set()
    parts = [(f"model.{path}", module) for path, module in model.named_modules()]
    for path, delta in model.named_deltas():
        parts += delta.named_modules(f"adapter.{path}")
    for path, module in parts:
        for field, value in module.__dict__.items():
            if hasattr(value, "bit_generator") and id(value) not in seen:
                seen.add(id(value))
                found[f"{path}.{field}"] = value
    return found


def generator_states(found):
    """{label: state} of generators, as arrays."""
    return {label: rng_state(generator) for label, generator in found.items()}


def is_merged(model):
    """Do the weights hold an adapter, whose own parameters do nothing then?"""
    return any(getattr(delta, "merged", False) for _, delta in model.named_deltas())
