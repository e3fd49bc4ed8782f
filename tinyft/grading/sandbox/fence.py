"""What shuts a worker in: bubblewrap, another user, Landlock, or nothing.

    bubblewrap   own namespaces: nothing of the disk is there but Python and NumPy
    user         another user (as root), Landlock and seccomp
    landlock     Landlock and seccomp, as the same user without capabilities
    modes        another user (as root) and seccomp; files only by their modes
    none         a process of its own with limits; for one's own file

`command` is the argument list that starts a worker behind a fence.  Which fences stand
here is not asked of a version but tried (`choose`, in box.py).
"""

import atexit
import json
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tinyft.grading import places

FENCES = ("bubblewrap", "user", "landlock", "modes")
OTHER_USER = ("user", "modes")  # only root can become one
SAID = {
    "bubblewrap": "bubblewrap (own namespaces, seccomp)",
    "user": "another user, Landlock, seccomp",
    "landlock": "Landlock, seccomp",
    "modes": "another user, seccomp; files by their modes (no Landlock here)",
    "none": "no fence: a process of its own, with limits",
    "browser": "no fence: the same process, without limits",
}
HERE = Path(__file__).resolve().parent
INSIDE = ("codec.py", "limits.py", "landlock.py", "answer.py", "worker.py")
SCRATCH = 16 << 20  # bytes of all that an answer may write, in bubblewrap
USERS = 60_100, 4_000  # the first number, and how many, of users that own nothing
SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
LEFT_OUT = shutil.ignore_patterns("grading", "course", "__pycache__", "cli.py")
BOOT = (
    "import json, sys; told = json.loads(sys.argv[1]); sys.path[:0] = [told['own'], "
    "told['site']]; from tinyft.grading.sandbox import worker; "
    "getattr(worker, told['serve'])(told)"
)


@cache
def cell():
    """A folder with what is seen inside besides Python: the worker's files and NumPy."""
    folder = _folder()
    own = folder / "own" / "tinyft" / "grading" / "sandbox"
    own.mkdir(parents=True)
    for name in INSIDE:
        shutil.copyfile(HERE / name, own / name)
    (folder / "site").mkdir()
    for name, path in numpy_folders().items():
        os.symlink(path, folder / "site" / name, target_is_directory=True)
    return folder


def _folder():
    """A new folder that anybody may read, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tinyft-cell-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return folder


def numpy_folders():
    """{name: path} of NumPy and the libraries that its wheel brings."""
    first = Path(np.__file__).resolve().parent
    both = {"numpy": first, "numpy.libs": first.with_name("numpy.libs")}
    return {name: path for name, path in both.items() if path.is_dir()}


@cache
def library(forbidden=()):
    """A folder with tinyft: no graders, no course, nothing that a task forbids."""
    folder = _folder()
    shutil.copytree(places.PACKAGE, folder / "tinyft", ignore=LEFT_OUT)
    for one in forbidden:
        path = folder.joinpath(*one.split("."))
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".py").unlink(missing_ok=True)
    return folder


def python():
    """The interpreter below this environment, which needs no site-packages."""
    return getattr(sys, "_base_executable", None) or sys.executable


def hidden():
    """Folders that lie below Python's own but are not for an answer."""
    found = [places.PACKAGE, places.library()]
    for folder in {sys.base_prefix, "/usr", "/usr/local"}:
        for name in ("site-packages", "dist-packages"):
            found += Path(folder, "lib").glob(f"python*/{name}")
    return {str(path.resolve()) for path in found if path.is_dir()}


def roots():
    """The folders and files that Python needs, each once."""
    base = Path(sys.base_prefix)
    wanted = [*SYSTEM, base / "lib", base / "bin", Path(python()).resolve()]
    wanted += ["/etc/ld.so.cache"]
    return list(dict.fromkeys(str(path) for path in wanted if os.path.exists(path)))


def environment():
    """The whole environment of a worker."""
    kept = {k: os.environ[k] for k in ("SYSTEMROOT", "PATH") if k in os.environ}
    return kept | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
    }


def command(fence, imports=(), forbidden=(), serve="serve"):
    """The arguments that start a worker; imports: ("tinyft",) or nothing."""
    lib = library(tuple(forbidden)) if imports else None
    enclosed = fence == "bubblewrap"
    root = Path("/w") if enclosed else cell()
    told = {
        "own": str(root / "own"),
        "site": str(root / "site"),
        "path": [str(root / "lib" if enclosed else lib)] if lib else [],
        "preload": ["tinyft", "tinyft.nn", "tinyft.models"] if lib else [],
        "landlock": rules(lib) if fence in ("user", "landlock") else None,
        "serve": serve,
    }
    run = [python(), "-I", "-S", "-B", "-c", BOOT, json.dumps(told)]
    return bubblewrap(lib) + run if enclosed else run


def user():
    """The number of a user that owns nothing, another one for each sandbox."""
    first, count = USERS
    return first + int.from_bytes(os.urandom(4), "little") % count


def bubblewrap(lib):
    """bwrap's arguments: what is there, and that nothing else is."""
    args = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--unshare-user"]
    args += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    args += ["--uid", "65534", "--gid", "65534", "--size", str(SCRATCH)]
    args += ["--tmpfs", "/tmp"]
    for path in roots():
        args += ["--ro-bind", path, path]
    for path in sorted(hidden()):
        if any(path.startswith(root + "/") for root in roots()):
            args += ["--tmpfs", path]
    inside = {cell() / "own": "/w/own"}
    inside |= {path: f"/w/site/{name}" for name, path in numpy_folders().items()}
    inside |= {lib: "/w/lib"} if lib else {}
    for path, name in inside.items():
        args += ["--ro-bind", str(path), name]
    args += ["--dev", "/dev", "--remount-ro", "/dev"]
    args += ["--chdir", "/tmp", "--remount-ro", "/"]
    return [*args, "--disable-userns", "--"]


@cache
def rules(lib=None):
    """(readable, listable) for Landlock: the roots, without what is hidden in them."""
    readable, listable = [], []
    waiting, covered = [os.path.realpath(path) for path in roots()], hidden()
    while waiting:
        path = waiting.pop()
        if path in covered:
            continue
        if any(one.startswith(path + "/") for one in covered):
            listable.append(path)
            waiting += [entry.path for entry in os.scandir(path)]
        else:
            readable.append(path)
    own = [cell(), *numpy_folders().values(), *([lib] if lib else [])]
    readable += map(str, own)
    return sorted(set(readable)), sorted(set(listable))
