"""Which text computes an operation: its formula, or a fused form that it names.

    class LayerNorm(Function):
        fused = ("cuda", "compiled")

says that `tinyft/ops/cuda/` and `tinyft/ops/compiled/`, in the file of the same name,
have a subclass LayerNorm that computes the same and overrides what a kernel does faster.
Its `fits(*arrays, **options)` says which arguments it takes; for the others, and
wherever the target does not serve, the formula runs. `Function.apply` asks once per
call, so no formula mentions a kernel. A new target is an entry below and a folder of
forms.
"""

import importlib

from tinyft.backend import HOST
from tinyft.kernels import compiled, launch
from tinyft.kernels.switch import on


def compiled_serves(x=None):
    """Whether the kernels for the processor are switched on and run here."""
    return on("compiled") and compiled.why_not() is None


# name of a target -> whether it serves now; for host arrays, and for a device's
ON_HOST, ON_DEVICE = {"compiled": compiled_serves}, {"cuda": launch.serves}
_forms = {}  # (operation, target) -> the class of its form


def form_of(operation, arrays, options):
    """The first fused form of `operation` that fits its arguments, or itself."""
    targets = ON_HOST if type(arrays[0]) is HOST.ndarray else ON_DEVICE
    for target in operation.fused:
        if target in targets and targets[target](arrays[0]):
            form = _forms.get((operation, target)) or load(operation, target)
            if form is not None and form.fits(*arrays, **options):
                return form
    return operation


def load(operation, target):
    """The form's class; its file is imported at the first use. None: no such kernels.

    A compiled kernel that does not compile ends the use of all of them, silently:
    the formulas give the same values, and `tinyft doctor` says why.
    """
    file = operation.__module__.rpartition(".")[2]
    try:
        module = importlib.import_module(f"tinyft.ops.{target}.{file}")
    except Exception as error:
        if target != "compiled":
            raise
        compiled.give_up(error)
        return None
    form = _forms[operation, target] = getattr(module, operation.__name__)
    return form


def adam_for(m):
    """The kernel of Adam's step for a state like m, or None: optim/adam.py's rule."""
    if launch.fit(m):
        return importlib.import_module("tinyft.kernels.functions").adam
    if type(m) is HOST.ndarray and compiled_serves() and compiled.fit(m):
        try:
            return importlib.import_module("tinyft.kernels.compiled.adam").adam
        except Exception as error:
            compiled.give_up(error)
    return None


def path(device="cpu"):
    """Which path float32 numbers take on a device now: the name that checkpoints keep.

    "numpy" or "compiled" on the CPU, "cupy" or "cuda" (with fused kernels) on a card.
    """
    if device == "cpu":
        return "compiled" if compiled_serves() else "numpy"
    return "cuda" if on() else "cupy"
