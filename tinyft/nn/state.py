"""State dicts: what a model is, as {name: values}. Strict, as in PyTorch.

Loading has two halves, so that whoever loads several things can look at all of them
before anything changes: `checked` raises or returns the arrays, `fill` puts them in.
"""

from tinyft import backend
from tinyft.autograd.tensor import Tensor


def slots_of(module):
    """{name: Parameter or persistent Buffer}, a shared one under each of its names."""
    found = dict(module._named("_parameters", "", unique=False))
    for name, buffer in module._named("_buffers", "", unique=False):
        if buffer.persistent:
            found[name] = buffer
    return found


def state_of(module, prefix=""):
    """{prefix + name: Tensor off the tape}; the memory is the model's own."""
    return {prefix + name: slot.detach() for name, slot in slots_of(module).items()}


def load_state(module, state, strict=True):
    """Copy `state` into `module`; see Module.load_state_dict."""
    slots, caller = slots_of(module), f"load_state_dict({type(module).__name__})"
    fill(slots, checked(slots, state, caller, strict))
    missing = [name for name in slots if name not in state]
    return missing, [name for name in state if name not in slots]


def checked(slots, state, caller, strict=True):
    """{name: array of its slot's dtype} of what is in both; changes nothing.

    Raises TypeError for something that is not a dict of arrays, KeyError for names that
    differ (if strict), ValueError for values that do not fit; all are listed.
    """
    if not isinstance(state, dict):
        raise TypeError(
            f"{caller}: expected a state, a dict {{name: array}}, got a "
            f"{type(state).__name__}; files are read with io.load(path), a model gives "
            "its own with .state_dict()"
        )
    missing = [name for name in slots if name not in state]
    unexpected = [name for name in state if name not in slots]
    if strict and (missing or unexpected):
        raise KeyError(_names_message(caller, missing, unexpected))
    values = {
        name: _values(caller, name, state[name]) for name in slots if name in state
    }
    wrong = [*_misfits(slots, values), *_untied(slots, values)]
    if wrong:
        raise ValueError(
            f"{caller}: {len(wrong)} value(s) do not fit; was the state made by another "
            "configuration? Nothing was changed.\n  " + "\n  ".join(wrong)
        )
    return {name: a.astype(slots[name].dtype) for name, a in values.items()}


def fill(slots, values):
    """Put arrays that `checked` returned into their slots, where these are."""
    for name, array in values.items():
        slots[name].data = backend.to(array, slots[name].device)


def _misfits(slots, values):
    for name, array in values.items():
        slot = slots[name]
        if array.shape != slot.shape:
            yield f"{name}: the model has shape {slot.shape}, the state {array.shape}"
        elif array.dtype.kind not in ("fiub" if slot.dtype.kind == "f" else "iub"):
            yield f"{name}: the model holds {slot.dtype}, the state {array.dtype}"
        elif _overflows(array, slot.dtype):
            yield f"{name}: the state holds numbers too large for {slot.dtype}"


def _untied(slots, values):
    first = {}
    for name, array in values.items():
        twin = first.setdefault(id(slots[name]), name)
        if twin != name and not _same(values[twin], array):
            yield f"{name}: tied to {twin} in the model, but the state has two values"


def _overflows(array, dtype):
    """float16 ends at 65504, float32 at 3e38: a finite weight must not become Inf."""
    if "f" != array.dtype.kind or array.dtype.itemsize <= dtype.itemsize:
        return False
    xp = backend.xp_of(array)
    large = abs(array) > xp.finfo(dtype).max
    return bool((large & xp.isfinite(array)).any())


def _same(x, y):
    if x is y:
        return True
    x, y = backend.asnumpy(x), backend.asnumpy(y)
    if x.shape != y.shape:
        return False
    return bool(((x == y) | ((x != x) & (y != y))).all())  # NaN is the same as NaN


def _values(caller, name, value):
    """The array of a Tensor, an array, a number, or a tensor of PyTorch."""
    value = value._data if isinstance(value, Tensor) else value
    if backend.is_array(value) and value.dtype.kind != "V":
        return value
    try:
        if hasattr(value, "detach"):  # PyTorch's: any device, bfloat16 widened exactly
            value = value.detach().cpu()
            halved = "bfloat16" in str(value.dtype) or "float8" in str(value.dtype)
            value = (value.float() if halved else value).numpy()
        elif backend.is_array(value):  # NumPy's bfloat16, from the package ml_dtypes
            value = value.astype(backend.float32)
        return backend.asnumpy(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{caller}: {name} is a {type(value).__name__} that does not become an array "
            f"({error}); pass NumPy arrays, Tensors or tensors of PyTorch"
        ) from None


def _names_message(caller, missing, unexpected):
    parts = [f"{caller}: the names do not agree."]
    if missing:
        parts.append(f"Missing from the state: {', '.join(missing)}.")
    if unexpected:
        parts.append(f"Unexpected in the state: {', '.join(map(str, unexpected))}.")
    parts.append("Use strict=False to load the names both have.")
    return " ".join(parts)
