"""Files: tensors in the safetensors format, and whole-or-nothing writing.

`io.huggingface` (public checkpoints in and out), `io.gguf` (files of llama.cpp) and
`io.load_gguf(path)` (such a file as a Transformer) are imported at their first use.
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
    if name in ("huggingface", "gguf"):
        return importlib.import_module(f"tinyft.io.{name}")
    if name == "load_gguf":
        return importlib.import_module("tinyft.io.llamacpp").load_gguf
    raise AttributeError(f"module 'tinyft.io' has no attribute {name!r}")
