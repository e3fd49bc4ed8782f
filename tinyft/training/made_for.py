"""What a checkpoint was made for: the shape of the run, in words that can be compared.

Arrays of one shape fit many models: another head count, activation, mask or dropout,
Adam's moments in AdamW. So a checkpoint's header also holds, for every module and every
adapter, its class and the plain options it was built with, the model's config, and the
optimiser's class with the names in its groups. Which path computed it (kernels.path)
is kept beside that: another one may go on, and is told that its bits will differ.
"""

import inspect
import warnings
from dataclasses import asdict, is_dataclass

from tinyft import kernels

# Options that mean nothing in evaluation: weights alone may go into a model with others.
TRAINING_ONLY = ("p", "dropout", "momentum", "config.dropout", "parameters")
PLAIN = (bool, int, float, str, type(None))


def describe(model, optimizer=None):
    """{part: {path: {option: text}}} of a model, its adapters, and an optimiser."""
    found = {
        "modules": {path: _one(module) for path, module in model.named_modules()},
        "adapters": {path: _one(delta) for path, delta in model.named_deltas()},
    }
    dtypes = sorted({str(p.dtype) for p in model.parameters()})
    found["modules"][""]["parameters"] = " and ".join(dtypes)
    if optimizer is not None:
        found["optimizer"] = {"": _optimizer(model, optimizer)}
    return found


def _one(module):
    """Its class, and the constructor's arguments that it keeps under their names."""
    kept = {"class": type(module).__name__}
    fields = {**module.__dict__, **module.__dict__.get("options", {})}
    for name in inspect.signature(type(module).__init__).parameters:
        if name in fields and name not in ("rng", "dtype"):
            kept |= _plain(name, fields[name])
    return kept


def _plain(name, value):
    """{name: text}, the fields of a config one by one; {} for anything else."""
    if is_dataclass(value):
        return {f"{name}.{k}": repr(v) for k, v in asdict(value).items()}
    if callable(value) and hasattr(value, "__name__"):
        return {name: value.__name__}
    value = value.item() if hasattr(value, "item") else value
    values = value if isinstance(value, (tuple, list)) else [value]
    return {name: repr(value)} if all(isinstance(v, PLAIN) for v in values) else {}


def _optimizer(model, optimizer):
    names = {id(p): name for name, p in model.named_parameters()}
    found = {"class": type(optimizer).__name__}
    for i, group in enumerate(optimizer.param_groups):
        own = [names.get(id(p), f"another of {p.shape}") for p in group["params"]]
        found[f"group {i}"] = " ".join(own)
    return found


def path_of(model):
    """The path that the model's numbers take now: numpy, compiled, cupy or cuda."""
    return kernels.path(next((str(p.device) for p in model.parameters()), "cpu"))


def say_other_path(file, about, model):
    """Warn if a file's numbers took another path than the model's would here."""
    theirs, ours = about.get("computed_by"), path_of(model)
    if theirs not in (None, ours):  # a file from before this was kept says nothing
        warnings.warn(
            f"{file} was computed by {theirs}, and here {ours} computes: the run goes "
            "on, and its numbers differ from an uninterrupted run's in their last digits. "
            f"For the same bits: {HOW.get(theirs, 'the same device as then')}",
            stacklevel=3,
        )


HOW = {
    "numpy": "kernels.use(False), or TINYFT_FAST unset, on the CPU",
    "compiled": "TINYFT_FAST=1 with numba installed, on the CPU",
    "cuda": "a card, with TINYFT_GPU_KERNELS unset",
    "cupy": "a card, with TINYFT_GPU_KERNELS=0",
}


def differences(saved, now, resuming):
    """Sentences, one for each fact that differs; training's own count if resuming."""
    parts = (
        ("modules", "adapters", "optimizer") if resuming else ("modules", "adapters")
    )
    for part in parts:
        theirs, ours = saved.get(part, {}), now.get(part, {})
        for path in dict.fromkeys([*theirs, *ours]):
            yield from _compare(part, path, theirs.get(path), ours.get(path), resuming)


def _compare(part, path, theirs, ours, resuming):
    where = {"modules": path or "the model", "adapters": f"the adapter at {path}"}
    where = where.get(part, "the optimizer")
    if theirs is None or ours is None:
        yield f"{where}: {_class(theirs)} in the file, {_class(ours)} here"
        return
    for option in dict.fromkeys([*theirs, *ours]):
        a, b = theirs.get(option), ours.get(option)
        whole = part == "optimizer"  # a group on one side only is a difference
        skipped = not resuming and option in TRAINING_ONLY
        if a != b and not skipped and (whole or None not in (a, b)):
            a, b = _what_differs(str(a), str(b))
            name = "" if option == "class" else f", {option}"
            yield f"{where}{name}: {a} in the file, {b} here"


def _class(found):
    return "nothing" if found is None else found["class"]


def _what_differs(a, b):
    """Two lists of names without what they share at both ends, shortened."""
    first, second = a.split(" "), b.split(" ")
    while len(first) > 1 and len(second) > 1 and first[0] == second[0]:
        first, second = first[1:], second[1:]
    cut = (" ".join(words) for words in (first, second))
    return tuple(text if len(text) < 60 else f"{text[:57]}..." for text in cut)
