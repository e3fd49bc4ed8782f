"""One live writer per file: a lock that dies with its process.

    lock = Lock(path)      `.NAME.lock` beside the file, while a run lives
    claim(file)            the system's lock on one open file

The operating system drops the locks of a process that ends in any way, so none is ever
stale. A folder on a system without locks (some network drives) falls back on the text
in the file: a holder that does not run on this machine any more counts for nothing.
"""

import contextlib
import os
import socket
import threading
import weakref
from pathlib import Path

from tinyft.io.explain import explained

try:
    import fcntl
except ImportError:
    fcntl = None
    import msvcrt

_mine, _guard = {}, threading.RLock()  # (path, process): [open lock file, holders]
BEYOND = 1 << 20  # Windows locks bytes, and nobody may read them: one after the text


class FileInUse(RuntimeError):
    """Another live process writes the same file; the message says which."""


class Lock:
    """Held from `acquire()` to `release()`, or until this object is gone.

    Any number of them in one process share the lock; another process is refused.
    """

    def __init__(self, path):
        self.path, self._release = Path(os.path.realpath(path)), None

    def acquire(self):
        """Take the lock, or keep it. Raises FileInUse naming the process that has it."""
        if self._release is None:
            _take(self.path)
            self._release = weakref.finalize(self, _drop, self.path, os.getpid())

    def release(self):
        """Give it back; nothing happens if it is not held."""
        if self._release is not None:
            self._release()
            self._release = None


def _take(path):
    key = path, os.getpid()  # a fork has the dictionary, not the right
    with _guard:
        if key not in _mine:
            try:
                _mine[key] = [_opened(path), 0]
            except OSError as error:
                raise explained(error, path) from error
        _mine[key][1] += 1


def _opened(path):
    """The lock file of `path`, locked and with our name in it."""
    name, file = path.with_name(f".{path.name}.lock"), None
    while file is None or not _is_still(name, file):  # its last holder removes it
        if file is not None:
            file.close()
        file = open(name, "a+b")
        taken = claim(file)
        if taken is False or (taken is None and _runs(*_holder(file))):
            raise _in_use(path, file)
    file.truncate(0)
    file.write(f"{os.getpid()} {socket.gethostname()}".encode())
    file.flush()
    return file


def _drop(path, process):
    key = path, os.getpid()
    with _guard:
        if process != os.getpid():  # the object was made before a fork
            return
        _mine[key][1] -= 1
        if _mine[key][1]:
            return
        file, name = _mine.pop(key)[0], path.with_name(f".{path.name}.lock")
        with file, contextlib.suppress(OSError):
            if fcntl is None:
                file.close()  # Windows removes no open file
            name.unlink()


def claim(file):
    """Lock an open file until it is closed: True; False if another process has it.

    None where the file's system has no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(BEYOND)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        return True
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None


def _holder(file):
    file.seek(0)
    process, _, host = file.read(300).decode("utf-8", "replace").partition(" ")
    return process, host


def _runs(process, host):
    """Does that process live? Of another machine nobody knows, so: yes."""
    if not process.isdigit() or host != socket.gethostname():
        return process.isdigit()
    if fcntl is None or int(process) == os.getpid():
        return False  # Windows has its own lock, and signal 0 is another one there
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives and is another account's
        return True
    return True


def _is_still(name, file):
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.stat(name), os.fstat(file.fileno()))
    return False


def _in_use(path, file):
    with file:
        process, host = _holder(file)
    return FileInUse(
        f"{path} belongs to a run that is still alive: process {process or 'unknown'} on "
        f"{host or 'this machine'}. Two runs would overwrite each other's work; wait "
        "for it or stop it, or give this run a file of its own."
    )
