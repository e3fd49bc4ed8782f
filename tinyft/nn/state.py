"""State dicts: what a model is, as {name: values}. Strict, as in PyTorch."""

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
    _check_values(module, slots, values)
    for name, array in values.items():
        slot = slots[name]
        slot.data = backend.to(array.astype(slot.dtype), slot.device)
    return missing, unexpected


def _check_values(module, slots, values):
    """Raise before anything is changed: shapes, kinds of numbers, tied values."""
    wrong, first = [], {}
    for name, array in values.items():
        slot = slots[name]
        if array.shape != slot.shape:
            wrong.append(
                f"{name}: the model has shape {slot.shape}, the state {array.shape}"
            )
        elif array.dtype.kind not in ("fiub" if slot.dtype.kind == "f" else "iub"):
            wrong.append(
                f"{name}: the model holds {slot.dtype}, the state {array.dtype}"
            )
        twin = first.setdefault(id(slot), name)
        if twin != name and not wrong and not _same(values[twin], array):
            wrong.append(
                f"{name}: tied to {twin} in the model, but the state has two values"
            )
    if wrong:
        raise ValueError(
            f"load_state_dict({type(module).__name__}): {len(wrong)} value(s) do not "
            "fit; was the state made by another configuration? Nothing was changed.\n  "
            + "\n  ".join(wrong)
        )


def _same(x, y):
    if x is y:
        return True
    x, y = backend.asnumpy(x), backend.asnumpy(y)
    return bool(((x == y) | ((x != x) & (y != y))).all())  # NaN is the same as NaN


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
