"""Files: tensors in the safetensors format, and whole-or-nothing writing."""

from tinyft.io.atomic import atomic_write
from tinyft.io.tensors import CheckpointError, load, load_with_metadata, save

__all__ = ["CheckpointError", "atomic_write", "load", "load_with_metadata", "save"]
