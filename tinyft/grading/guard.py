"""What keeps an answer inside its own process: limits, forbidden events, patched names.

The limits are POSIX's (address space, file size, processor time); where `resource`
does not exist (Windows) the wall clock alone holds.  An audit hook cannot be removed
again, so it is installed in the worker process only.  This stops accidents and cheap
tricks; a person who is set on breaking out needs a container around the whole run.
"""

import builtins
import math
import os
import sys
import types

MIB = 1 << 20
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    "os.remove os.rename os.rmdir os.mkdir os.truncate os.chmod os.chown os.link "
    "os.symlink shutil.rmtree shutil.move shutil.copyfile"
).split()
PROCESSES = (
    "subprocess.Popen os.system os.fork os.forkpty os.exec os.posix_spawn os.spawn "
    "os.kill os.killpg os.startfile _thread.start_new_thread "
    "_thread.start_joinable_thread ctypes.dlopen ctypes.dlsym ctypes.call_function"
).split()
WATCHED = (
    "numpy numpy.linalg numpy.random numpy.fft tinyft pytest json json.encoder "
    "json.decoder os sys io re time types inspect functools traceback"
).split()
FAMILIES = ("tinyft.", "_pytest.", "pluggy.")
HIDDEN = ("solutions", "wrong_answers.py")


class Forbidden(PermissionError):
    """The answer tried something that an answer has no need of."""


def limit(megabytes, seconds):
    """Set this process's hard limits; returns what holds, as text."""
    try:
        import resource
    except ModuleNotFoundError:
        return "wall clock only: this system has no memory limit for a process"
    held = []
    wanted = {
        "RLIMIT_AS": (address_space() + megabytes * MIB, f"{megabytes} MiB"),
        "RLIMIT_FSIZE": (64 * MIB, "64 MiB a file"),
        "RLIMIT_CPU": (math.ceil(seconds), f"{math.ceil(seconds)} s of processor"),
        "RLIMIT_CORE": (0, "no core file"),
    }
    for name, (value, said) in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
            held.append(said)
        except (AttributeError, ValueError, OSError):  # macOS refuses some
            held.append(f"no {name}")
    return ", ".join(held)


def address_space():
    """Bytes of address space in use (Linux); a generous guess elsewhere."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 4096 * MIB


def verdict(event, args, scratch):
    """The sentence on a forbidden audit event, or None; scratch may be written."""
    if event == "open":
        return _file(*args[:3], scratch)
    if event in CHANGES and not all(
        _inside(path, scratch) for path in args[:2] if path
    ):
        return f"the answer tried to change files ({event} {args[0]}): remove that line"
    if event in PROCESSES:
        return (
            f"the answer tried to start or stop a process or thread ({event}): remove "
            "that line"
        )
    if event.startswith("socket.") and event not in ("socket.__new__",):
        return f"the answer tried to use the network ({event}): remove that line"
    return None


def _file(path, mode, flags, scratch):
    if not isinstance(path, (str, bytes)):
        return None  # a descriptor that is open already
    name = os.path.realpath(os.fsdecode(path))
    if any(part in HIDDEN for part in name.split(os.sep)):
        return "the answer tried to read the solutions: remove that line"
    writes = (flags or 0) & WRITES or set(mode or "") & set("wax+")
    if writes and name != os.devnull and not _inside(path, scratch):
        return f"the answer tried to write the file {name}: remove that line"
    return None


def _inside(path, scratch):
    if not isinstance(path, (str, bytes, os.PathLike)):
        return True  # modes, descriptors
    return os.path.realpath(os.fsdecode(path)).startswith(
        os.path.realpath(scratch) + os.sep
    )


def install(scratch):
    """Refuse forbidden events from now on, in this process, for good."""

    def hook(event, args):
        said = verdict(event, args, scratch)
        if said:
            raise Forbidden(said)

    sys.addaudithook(hook)


def snapshot(trusted=False):
    """[(owner, {name: object})] of the callables that an answer must not replace.

    trusted: the course's own texts; their 10,000 names need not be looked through.
    """
    owners = [] if trusted else [builtins, math, *_modules()]
    owners += [
        value
        for module in owners[2:]
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    kept = [(owner, _callables(owner)) for owner in owners]
    return kept + [(None, {"settrace": sys.gettrace(), "setprofile": sys.getprofile()})]


def _modules():
    return [
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, types.ModuleType)
        and (name in WATCHED or name.startswith(FAMILIES))
        and name != "_pytest.assertion.util"  # pytest itself sets names there
    ]


def _callables(owner):
    kept = (types.ModuleType, staticmethod, classmethod, property)
    return {
        name: value
        for name, value in list(vars(owner).items())
        if (callable(value) or isinstance(value, kept))
        and name != "_"
        and not name.startswith("last_")  # sys.last_type: pytest sets them
    }


def restore(before):
    """Put replaced names back; returns them as text ("numpy.allclose")."""
    *before, (_, hooks) = before
    changed = _unhook(hooks)
    for owner, kept in before:
        now = vars(owner)
        for name, value in kept.items():
            if now.get(name) is not value:
                setattr(owner, name, value)
                changed.append(f"{getattr(owner, '__name__', owner)}.{name}")
    return changed


def _unhook(before):
    """Take away a trace or profile function, which could change the grader's frames."""
    now = {"settrace": sys.gettrace(), "setprofile": sys.getprofile()}
    changed = [name for name in now if now[name] is not before[name]]
    for name in changed:
        getattr(sys, name)(before[name])
    return [f"sys.{name}" for name in changed]
