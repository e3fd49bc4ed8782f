"""Devices: 'cpu', 'cuda', 'cuda:1', ... Where an array lives, and moving it.

The default device (`with tinyft.device("cuda"):`, or TINYFT_DEVICE in the environment)
says where new tensors are created; an operation always runs where its arrays are.
"""

import contextlib
import functools
import os
import threading

import numpy as np

from tinyft.backend import library
from tinyft.backend.library import DeviceError, is_array
from tinyft.backend.memory import memory_error

_state = threading.local()


def device_library(given=None):
    """Return CuPy, importing it at the first use; tests give a stand-in here."""
    if given is not None:
        library.adopt(given)
    elif library._device_library is None:
        from tinyft.backend import diagnose

        usable, why = diagnose.gpu_status()
        if usable:
            why = diagnose.missing_library(library.cupy_module())
        if why:
            raise DeviceError(f"device 'cuda' was asked for, but {why}")
        library.adopt(library.cupy_module())
    return library._device_library


def device_of(x):
    """Name the device that holds `x`: 'cpu', 'cuda:0', ..."""
    if type(x) is np.ndarray:  # the usual case first
        return "cpu"
    data = getattr(x, "data", x) if not is_array(x) else x
    if is_array(data) and not isinstance(data, np.ndarray):
        return f"cuda:{data.device.id}"
    return "cpu"


def check_same_device(what, arrays):
    """Raise DeviceError, naming both, if `arrays` live on two devices."""
    names = {device_of(a) for a in arrays if is_array(a)}
    if len(names) > 1:
        raise DeviceError(
            f"{what}: its arrays live on {' and '.join(sorted(names))}; move one with "
            'x.to("cpu") or x.to("cuda"), or the model with model.to("cuda")'
        )


def check_device(name):
    """Return (kind, index) of a device name; ValueError names the legal ones."""
    kind, _, index = str(name).partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise ValueError(
            f"device {name!r} is not known: expected 'cpu', 'cuda' or 'cuda:1'"
        )
    return kind, int(index or 0)


@contextlib.contextmanager
def device(name):
    """Create new tensors on `name` inside this block: `with tinyft.device("cuda"):`.

    It changes creation only; an operation always runs where its arrays are.
    """
    kind, _ = check_device(name)
    if kind == "cuda":
        device_library()
    before = getattr(_state, "device", None)
    _state.device = name
    try:
        yield
    finally:
        _state.device = before


def default_device():
    """Name the device on which new tensors are created."""
    return getattr(_state, "device", None) or start_device()


@functools.cache
def start_device():
    """The device that the environment variable TINYFT_DEVICE names, or 'cpu'."""
    name = os.environ.get("TINYFT_DEVICE", "").strip() or "cpu"
    try:
        kind, _ = check_device(name)
        if kind == "cuda":
            device_library()
    except (ValueError, DeviceError) as error:
        raise type(error)(f"TINYFT_DEVICE={name}: {error}") from None
    return name


def to(array, name):
    """Return `array` on device `name`, copied only if it is elsewhere."""
    kind, index = check_device(name)
    if kind == "cpu":
        return asnumpy(array)
    cupy = device_library()
    try:
        with cupy.cuda.Device(index):
            return cupy.asarray(array)
    except MemoryError as error:
        raise memory_error(f"to({name!r})", error) from error


def asnumpy(array):
    """Return a host array (a copy and a synchronisation if it lives on a device)."""
    if isinstance(array, np.ndarray) or not is_array(array):
        return np.asarray(array)
    return library._device_library.asnumpy(array)


def synchronize():
    """Wait until the device has finished (nothing to wait for on the CPU)."""
    if library._device_library is not None:
        library._device_library.cuda.get_current_stream().synchronize()
