"""State dicts: what a model is, as {name: values}. Names and strictness as in PyTorch."""

from tinyft import backend
from tinyft.autograd.tensor import Tensor


def _slots(module):
    """{name: Parameter or persistent Buffer}, a shared one under each of its names."""
    found = dict(module._named("_parameters", "", unique=False))
    for name, buffer in module._named("_buffers", "", unique=False):
        if buffer.persistent:
            found[name] = buffer
    return found


def state_of(module, prefix=""):
    """{prefix + name: Tensor off the tape}; the memory is the model's own."""
    return {prefix + name: value.detach() for name, value in _slots(module).items()}


def load_state(module, state, strict=True):
    """Copy `state` into `module`; see Module.load_state_dict."""
    slots = _slots(module)
    missing = [name for name in slots if name not in state]
    unexpected = [name for name in state if name not in slots]
    if strict and (missing or unexpected):
        raise KeyError(_names_message(module, missing, unexpected))
    values = {name: _values(state[name]) for name in slots if name in state}
    wrong = [
        f"{name}: the model has {slots[name].shape}, the state {array.shape}"
        for name, array in values.items()
        if array.shape != slots[name].shape
    ]
    if wrong:
        raise ValueError(
            f"load_state_dict({type(module).__name__}): {len(wrong)} wrong shape(s); "
            "was the state made by another configuration?\n  " + "\n  ".join(wrong)
        )
    for name, array in values.items():
        slot = slots[name]
        slot.data = backend.to(array.astype(slot.dtype), slot.device)
    return missing, unexpected


def _values(value):
    value = value._data if isinstance(value, Tensor) else value
    return value if backend.is_array(value) else backend.asnumpy(value)


def _names_message(module, missing, unexpected):
    parts = [f"load_state_dict({type(module).__name__}): the names do not agree."]
    if missing:
        parts.append(f"Missing from the state: {', '.join(missing)}.")
    if unexpected:
        parts.append(f"Unexpected in the state: {', '.join(unexpected)}.")
    parts.append("Use strict=False to load the names both have.")
    return " ".join(parts)
