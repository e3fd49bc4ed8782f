"""Files: tensors in the safetensors format, and whole-or-nothing writing.

`io.huggingface` (public checkpoints in and out) is imported at its first use.
"""

import importlib

from tinyft.io.atomic import atomic_write
from tinyft.io.lock import FileInUse
from tinyft.io.tensors import CheckpointError, load, load_with_metadata, save

__all__ = [
    "CheckpointError",
    "FileInUse",
    "atomic_write",
    "load",
    "load_with_metadata",
    "save",
]


def __getattr__(name):
    if name == "huggingface":
        return importlib.import_module("tinyft.io.huggingface")
    raise AttributeError(f"module 'tinyft.io' has no attribute {name!r}")
