"""Which array library computes: the one that owns the data.

`xp_of(x)` returns the namespace that owns an array: `numpy` for host arrays, `cupy` for
device arrays, and `tinyft.ops` for Tensors (which is why one text of a derivative
serves first and second order, see autograd/function.py). CuPy is imported the first
time a device is asked for, here and nowhere else.
"""

import numpy as np

HOST = np  # what xp_of answers for host arrays

_namespaces = {np.ndarray: np}  # exact type -> namespace; filled as types are met
_device_library = None  # cupy (or a stand-in in the tests), set by adopt()


class DeviceError(RuntimeError):
    """A device that is not there, or arrays of two devices in one operation."""


def register(array_type, namespace):
    """Let `xp_of` answer `namespace` for arrays of `array_type`."""
    _namespaces[array_type] = namespace


def xp_of(x):
    """Return the namespace whose functions accept `x` (NumPy for scalars and lists)."""
    kind = type(x)
    found = _namespaces.get(kind)
    if found is None:
        found = next((_namespaces[k] for k in kind.__mro__ if k in _namespaces), np)
        _namespaces[kind] = found
    return found


def is_array(x):
    """True for an array of either library (not for scalars, lists or Tensors)."""
    return isinstance(x, np.ndarray) or (
        _device_library is not None and isinstance(x, _device_library.ndarray)
    )


def adopt(library):
    """Make `library` (CuPy, or the tests' stand-in) the one that owns device arrays."""
    global _device_library
    _device_library = library
    _namespaces[library.ndarray] = library


def cupy_module():
    """CuPy, or the stand-in that was adopted; else an ImportError."""
    if _device_library is not None:
        return _device_library
    import cupy

    return cupy


def devices_in_use():
    """True once any array has been on a device: only then is mixing possible."""
    return _device_library is not None


def host():
    """NumPy, for work that is the host's: sampling tokens, sorting names."""
    return np
