"""Which text computes an operation: its formula, or a fused form that it names.

    class LayerNorm(Function):
        fused = ("cuda",)

says that `tinyft/ops/cuda/`, in the file of the same name, has a subclass LayerNorm
that computes the same and overrides what a kernel does faster. Its
`fits(*arrays, **options)` says which arguments it takes; for the others, and wherever
the target does not serve, the formula runs. `Function.apply` asks once per call, so
no formula mentions a kernel. A new target is an entry below and a folder of forms.
"""

import importlib

from tinyft.backend import HOST
from tinyft.kernels import launch

# name of a target -> whether it serves now; for host arrays, and for a device's
ON_HOST, ON_DEVICE = {}, {"cuda": launch.serves}
_forms = {}  # (operation, target) -> the class of its form


def form_of(operation, arrays, options):
    """The first fused form of `operation` that fits its arguments, or itself."""
    targets = ON_HOST if type(arrays[0]) is HOST.ndarray else ON_DEVICE
    for target in operation.fused if targets else ():
        if target in targets and targets[target](arrays[0]):
            form = _forms.get((operation, target)) or load(operation, target)
            if form.fits(*arrays, **options):
                return form
    return operation


def load(operation, target):
    """The form's class; its file is imported at the first use."""
    file = operation.__module__.rpartition(".")[2]
    module = importlib.import_module(f"tinyft.ops.{target}.{file}")
    form = _forms[operation, target] = getattr(module, operation.__name__)
    return form
