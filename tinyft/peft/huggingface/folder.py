"""An adapter's folder: two files that change together, or not at all.

    1. adapter_model.safetensors.new, then adapter_config.json.new, each whole on the disk
    2. the weights' .new takes its place
    3. the config's .new takes its place

A process may be killed anywhere. What lies there then says how far it came: both .new, or
the weights' alone, means before 2, and the old adapter is whole; the config's alone means
between 2 and 3, and the new one is. The next `load` or `save` finishes or removes them.
One writer at a time holds the folder's lock (where the system has one); a reader waits.
"""

import contextlib
import json
import os
import re
from pathlib import Path

from tinyft import io
from tinyft.peft.huggingface.config import mark_of, read_config

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PICKLE, NEW, OLD = "adapter_model.bin", ".new", ".old"
TWICE = re.compile(r"\.(modules_to_save|original_module)\.")


def check_place(folder, overwrite):
    """Raise FileExistsError if an adapter may not be written there."""
    names = set(os.listdir(folder)) if folder.is_dir() and not overwrite else set()
    if names - {path.name for path in _leftovers(folder)}:
        raise FileExistsError(
            f"peft.save: {folder} exists already; choose another folder, or pass "
            "overwrite=True to replace the adapter in it"
        )
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(
            f"peft.save: {folder} is a file, expected a folder; choose another name"
        )


def write_folder(folder, state, config, metadata):
    """Write both files; OSError with a sentence if that cannot be, and nothing changed."""
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    folder = Path(os.path.realpath(folder))
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _settled(folder, writing=True):
            _write(folder, state, text, {"format": "pt", **mark_of(config), **metadata})
    except OSError as error:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        said = (error.__cause__ or error).strerror  # io.save explains it
        raise OSError(
            error.errno,
            f"peft.save: {folder} cannot be written ({said}); nothing was "
            "changed there. Choose another folder, or make room",
        ) from error


def _write(folder, state, text, metadata):
    """The three steps at the head of this file; on an error all is as it was."""
    new = {name: folder / (name + NEW) for name in (WEIGHTS, CONFIG)}
    undo = folder / (WEIGHTS + OLD)
    try:
        io.save(new[WEIGHTS], state, metadata)
        io.atomic_write(new[CONFIG], text)
        with contextlib.suppress(OSError):  # there is none, or no hard links
            os.link(folder / WEIGHTS, undo)
        os.replace(new[WEIGHTS], folder / WEIGHTS)
        os.replace(new[CONFIG], folder / CONFIG)
    except BaseException:
        if not new[WEIGHTS].exists() and undo.exists():
            os.replace(undo, folder / WEIGHTS)
        raise
    finally:
        for path in _leftovers(folder):
            path.unlink(missing_ok=True)


def _leftovers(folder):
    """What a writer may leave behind, if it is killed."""
    found = [path for name in (WEIGHTS, CONFIG) for path in folder.glob(f"{name}.*")]
    found += [
        path for name in (WEIGHTS, CONFIG) for path in folder.glob(f".{name}.*.tmp")
    ]
    return [path for path in found if path.suffix in (NEW, OLD, ".tmp")]


def _settle(folder):
    """Finish or remove what a killed writer left; see the head of this file."""
    weights, config = (folder / (name + NEW) for name in (WEIGHTS, CONFIG))
    if config.exists() and not weights.exists():
        os.replace(config, folder / CONFIG)
    for path in _leftovers(folder):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _settled(folder, writing):
    """Hold the folder's lock, its leftovers settled; OSError if another one writes."""
    if fcntl is None:
        if writing:
            _settle(folder)
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if writing else fcntl.LOCK_SH)
        if _leftovers(folder):
            _lock(descriptor, fcntl.LOCK_EX)
            _settle(folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor, how):
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError as error:
        raise OSError(error.errno, "another process is writing to it") from None
    except OSError:
        pass  # a file system without locks


def read_folder(folder):
    """(config, state, metadata) of an adapter folder; errors name the file."""
    path = folder / CONFIG
    if not folder.is_dir():
        raise FileNotFoundError(
            f"peft.load: {folder} is not there; expected a folder with {CONFIG} and "
            f"{WEIGHTS}"
        )
    with _settled(folder, writing=False):
        if not path.is_file():
            raise FileNotFoundError(
                f"peft.load: {path} is not there; expected a folder with {CONFIG} and "
                f"{WEIGHTS}"
            )
        config = read_config(path)
        prompts = "num_virtual_tokens" in config
        if not prompts and not config.get("target_modules"):
            raise ValueError(
                f"peft.load: {path} names no target_modules (target_parameters are not "
                "read)"
            )
        if prompts:
            config.pop("target_modules", None)
        return config, *_weights(folder, config)


def _weights(folder, config):
    """(tensors, metadata) of a folder, as they act: PEFT's bias="all" writes some twice."""
    if not (folder / WEIGHTS).exists() and (folder / PICKLE).exists():
        raise ValueError(
            f"peft.load: {folder} has no {WEIGHTS} but a {PICKLE}, a pickle, which could "
            "run code when read and is not; convert it: load it in PEFT and save it again"
        )
    state, metadata = io.load_with_metadata(folder / WEIGHTS)
    if not state:
        raise ValueError(f"peft.load: {folder / WEIGHTS} holds no tensors")
    if config.get("bias") == "all" and config.get("modules_to_save"):
        state = {key: array for key, array in state.items() if not TWICE.search(key)}
    return state, metadata
