"""Files: tensors in the safetensors format, and whole-or-nothing writing.

Imported at their first use: `io.huggingface` (public checkpoints in and out), `io.gguf`
(files of llama.cpp), `io.load_gguf(path)` (such a file as a Transformer), and
`io.load_pth(path)` (a checkpoint of torch.save, without running its pickle).
"""

from tinyft import later
from tinyft.io.atomic import atomic_write
from tinyft.io.lock import FileInUse
from tinyft.io.tensors import CheckpointError, load, load_with_metadata, save

__all__ = [
    "CheckpointError",
    "FileInUse",
    "atomic_write",
    "load",
    "load_gguf",
    "load_pth",
    "load_with_metadata",
    "save",
]


__getattr__, __dir__ = later.names(
    "tinyft.io",
    {"tinyft.io.llamacpp": "load_gguf", "tinyft.io.pth": "load_pth"},
    ("huggingface", "gguf"),
)
