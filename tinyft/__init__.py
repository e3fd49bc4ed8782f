"""tinyft: every fine-tuning method, small enough to read, proved in closed form."""

import importlib

from tinyft import backend, ops
from tinyft.autograd import (
    Function,
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    gradcheck,
    is_grad_enabled,
    no_grad,
    tensor,
)
from tinyft.backend import device

__version__ = "0.1.0"

backend.keep_freed_memory()

# Imported at their first use, so that `import tinyft` takes hardly longer than NumPy.
_later = (
    "nn",
    "optim",
    "models",
    "peft",
    "transfer",
    "objectives",
    "training",
    "data",
    "io",
)


def __getattr__(name):
    if name in _later:
        return importlib.import_module(f"tinyft.{name}")
    if name == "manual_seed":
        return importlib.import_module("tinyft.nn.init").manual_seed
    raise AttributeError(f"module 'tinyft' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_later, "manual_seed"})
