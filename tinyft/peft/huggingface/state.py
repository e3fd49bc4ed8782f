"""An adapter's tensors as a file has them, and from a file, strictly.

Missing, unexpected and wrongly shaped names are one error that lists them; the config's
sizes of a model tell where a prompt, which names no modules, was made for another.
"""

from tinyft import backend
from tinyft.peft.huggingface.codecs import PREFIX, codec_of


def main_of(adapter):
    """The deltas of the adapter's own method."""
    return [d for d in adapter.deltas.values() if type(d) is type(adapter.template)]


def state_of(adapter):
    """{name in the file: array} of the whole adapter."""
    state = {}
    for method, deltas in _by_method(adapter).items():
        state.update(codec_of(method).state(adapter, deltas))
    return state


def _by_method(adapter):
    groups = {}
    for delta in adapter.deltas.values():
        if delta.slots():
            groups.setdefault(type(delta), []).append(delta)
    return groups


def check(adapter, state, config, folder):
    """Raise ValueError listing all tensors of a file that do not fit."""
    own = {key: (a.shape, a.dtype.kind) for key, a in state_of(adapter).items()}
    missing, rest = sorted(own.keys() - state), sorted(state.keys() - own)
    modules = dict(adapter.model.named_modules())
    base = {key: _repeats(modules, key, state[key]) for key in rest}
    wrong = [
        f"{key}: here {shape}, in the file {state[key].shape}"
        for key, (shape, _) in own.items()
        if key in state and state[key].shape != shape
    ]
    kinds = [
        f"{key}: {state[key].dtype}"
        for key, (_, kind) in own.items()
        if key in state and state[key].dtype.kind != kind
    ]
    broken = [key for key in own if key in state and not _finite(state[key])]
    parts = [
        f"{what}: {', '.join(which)}"
        for what, which in (
            ("missing", missing),
            ("unexpected", [key for key in rest if base[key] is None]),
            ("of the base, with other values", [k for k in rest if base[k] is False]),
            ("of another shape", wrong),
            ("not of the kind of number expected", kinds),
            ("with NaN or Inf", broken),
            ("of a model with other sizes", _sizes(adapter, config)),
        )
        if which
    ]
    if parts:
        raise ValueError(
            f"peft.load: {folder} does not fit this model. " + "; ".join(parts) + ". "
            "Was the adapter made for another base?"
        )


def fill(adapter, state):
    """Copy a file's tensors, which have been checked, into an adapter."""
    for method, deltas in _by_method(adapter).items():
        codec_of(method).fill(adapter, deltas, state)


def _finite(array):
    return bool(backend.xp_of(array).isfinite(array).all())


def _sizes(adapter, config):
    """Where the model that a prompt was made for has other sizes."""
    codec = codec_of(type(adapter.template))
    sizes = getattr(codec, "sizes", ())
    own = codec.fields(adapter, main_of(adapter)) if sizes else {}
    return [
        f"{name}: here {own[name]}, in the file {config[name]}"
        for name in sizes
        if config.get(name) not in (None, own[name])
    ]


def _repeats(modules, key, array):
    """Is it an array of the base, which PEFT adds when it thinks that words were added?

    None if the model has none of that name.
    """
    path, _, name = key.removeprefix(PREFIX).rpartition(".")
    module = modules.get(path.removesuffix(".base_layer"))
    held = module._parameters.get(name) if module is not None else None
    return None if held is None else _is(held.numpy(), array)


def _is(base, array):
    """The same values, as far as bfloat16 tells, the coarsest type a file may have."""
    return base.shape == array.shape and bool(
        (abs(base - array) <= abs(base) * 2**-8 + 1e-7).all()
    )
