"""Write a file whole or not at all: temporary name, flush to disk, rename.

A reader sees the old file or the new one, never half of it, also when the process is
killed: `os.replace` is atomic within one folder on POSIX and on Windows.
"""

import os
import uuid
from pathlib import Path


def atomic_write(path, content):
    """Write `content` (bytes, str as UTF-8, or a function of the open binary file).

    Raises FileNotFoundError when the folder does not exist. On any error the old file
    stays as it was and no temporary file is left.
    """
    path = Path(os.path.realpath(path))  # through a link: replace what it points to
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Create it "
            "first."
        )
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "xb") as file:
            _fill(file, content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _fill(file, content):
    if callable(content):
        content(file)
    else:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def _sync_folder(folder):
    """Make the rename itself durable where a folder can be opened (not on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
