"""Write a file whole or not at all: temporary name, flush to disk, rename.

A reader sees the old file or the new one, never half of it, also when the process is
killed: `os.replace` is atomic within one folder on POSIX and on Windows. While it is
written the temporary file is locked, so `remove_leftovers` tells one that a killed
process left from one that another process is just writing.
"""

import contextlib
import os
import uuid
from pathlib import Path

from tinyft.io.explain import explained
from tinyft.io.lock import claim, fcntl


def atomic_write(path, content):
    """Write `content` (bytes, str as UTF-8, or a function of the open binary file).

    Raises FileNotFoundError when the folder does not exist, OSError with the file and
    what to do when it cannot be written. On any error the old file stays as it was and
    no temporary file is left.
    """
    path = Path(os.path.realpath(path))  # through a link: replace what it points to
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Create it "
            "first."
        )
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        _write(temporary, path, content)
    except OSError as error:
        if error.errno is None:  # a sentence of its own
            raise
        raise explained(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def remove_leftovers(path):
    """Delete what killed writers of `path` left; what a live one writes stays."""
    path = Path(os.path.realpath(path))
    for leftover in path.parent.glob(f".{glob_escaped(path.name)}.*.tmp"):
        with contextlib.suppress(OSError), open(leftover, "rb") as file:
            if fcntl is None or claim(file):  # Windows: an open file stays anyway
                file.close()
                leftover.unlink()


def glob_escaped(name):
    """A name as `Path.glob` takes it literally: 'run[1].safetensors' too."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _write(temporary, path, content):
    with open(temporary, "xb") as file:
        claim(file)
        _fill(file, content)
        file.flush()
        os.fsync(file.fileno())
        if fcntl is not None:  # locked until it has its name
            os.replace(temporary, path)
    if fcntl is None:  # Windows renames no open file
        os.replace(temporary, path)


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
