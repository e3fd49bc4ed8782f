"""The only door to NumPy and CuPy: the data decides which library computes.

`xp_of(x)` returns the namespace that owns an array: `numpy` for host arrays, `cupy` for
device arrays, and `tinyft.ops` for Tensors (which is why one text of a derivative
serves first and second order, see autograd/function.py). Everything that the two array
libraries do differently is a function of this file. Source of the differences: CuPy's
user guide, "Differences between CuPy and NumPy".

Random numbers are always drawn on the host, so that CPU and GPU see the same numbers.
"""

import contextlib
import functools
import importlib.metadata
import os
import threading

import numpy as np

from tinyft import allocator

float16, float32, float64 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
int64, bool_ = np.dtype("i8"), np.dtype("?")
HOST = np  # what xp_of answers for host arrays

_namespaces = {np.ndarray: np}  # exact type -> namespace; filled as types are met
_numbers = (bool, int, float, complex)
_device_library = None  # cupy (or a stand-in in the tests), set by device_library()
_state = threading.local()


class DeviceError(RuntimeError):
    """A device that is not there, or arrays of two devices in one operation."""


class DeviceMemoryError(DeviceError, MemoryError):
    """No room left on the device."""


# --- which namespace, which device -------------------------------------------------


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


def device_library(library=None):
    """Return CuPy, importing it at the first use; tests pass a stand-in here."""
    global _device_library
    if library is not None:
        _device_library = library
    if _device_library is None:
        available, why = gpu_status()
        if not available:
            raise DeviceError(f"device 'cuda' was asked for, but {why}")
        broken = missing_library(cupy_module())
        if broken:
            raise DeviceError(f"device 'cuda' was asked for, but {broken}")
        _device_library = cupy_module()
    _namespaces[_device_library.ndarray] = _device_library
    return _device_library


def cupy_module():
    """CuPy, or the stand-in that device_library() was given; ImportError without."""
    if _device_library is not None:
        return _device_library
    import cupy

    return cupy


def cupy_wheels():
    """{name: version} of the installed distributions that bring the module cupy."""
    found = {}
    for name in ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def gpu_status():
    """Return (usable, sentence): whether CuPy and a device are there, and why not."""
    wheels = cupy_wheels()
    if len(wheels) > 1:
        return False, (
            f"{' and '.join(wheels)} are both installed and write over each other: "
            f"pip uninstall {' '.join(wheels)}, then install one of them"
        )
    try:
        cupy = cupy_module()
    except ModuleNotFoundError:
        return False, (
            'cupy is not installed: run pip install "tinyft[cuda12x]" (or cuda13x; '
            "nvidia-smi shows the CUDA version of your driver)"
        )
    except ImportError as error:
        return False, f"cupy does not import ({error}); install it again"
    if not hasattr(cupy, "__version__"):  # a folder of that name, or what is left of it
        where = ", ".join(getattr(cupy, "__path__", ["?"]))
        return False, (
            f"the module cupy at {where} is not CuPy: a folder of that name stands in "
            "the way; rename it, or install cupy again"
        )
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # cupy raises its own classes, one for each cause
        return False, _no_device(cupy, error)
    return count > 0, f"cupy {cupy.__version__} sees {count} device(s)"


def _no_device(cupy, error):
    """Why no device can be used: no driver, one that is too old, or no card."""
    here = f"cupy {cupy.__version__}"
    have = cupy.cuda.runtime.driverGetVersion()
    want = cupy.cuda.runtime.runtimeGetVersion()
    if not have:
        return f"{here} finds no driver: nvidia-smi should name your card ({error})"
    if have < want:
        return (
            f"the driver is too old: it knows CUDA {_cuda(have)} and {here} is made for "
            f"{_cuda(want)}; update it, or install the cupy for {have // 1000} ({error})"
        )
    return f"{here} finds a driver and no usable card ({error})"


def _cuda(version):
    return f"{version // 1000}.{version % 1000 // 10}"


def missing_library(cupy):
    """Run a kernel and a matrix product; the sentence for what is not there, or None."""
    x, what = None, "a kernel"
    try:
        x = cupy.ones((2, 2), dtype="f4") + 1.0
        what = "a matrix product"
        x @ x
    except MemoryError:
        raise
    except Exception as error:  # ImportError, RuntimeError or CuPy's own classes
        wheel = next(iter(cupy_wheels()), "cupy-cuda12x")
        return (
            f"{what} does not run on the card ({type(error).__name__}: {error}); "
            f'if a CUDA library is missing: pip install "{wheel}[ctk]"'
        )
    return None


def is_gpu_available():
    """True if CuPy imports and sees at least one device."""
    return gpu_status()[0]


def device_of(x):
    """Name the device that holds `x`: 'cpu', 'cuda:0', ..."""
    if type(x) is np.ndarray:  # the usual case first
        return "cpu"
    data = getattr(x, "data", x) if not is_array(x) else x
    if is_array(data) and not isinstance(data, np.ndarray):
        return f"cuda:{data.device.id}"
    return "cpu"


def devices_in_use():
    """True once any array has been on a device: only then is mixing possible."""
    return _device_library is not None


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
    library = device_library()
    try:
        with library.cuda.Device(index):
            return library.asarray(array)
    except MemoryError as error:
        raise memory_error(f"to({name!r})", error) from error


def asnumpy(array):
    """Return a host array (a copy and a synchronisation if it lives on a device)."""
    if isinstance(array, np.ndarray) or not is_array(array):
        return np.asarray(array)
    return _device_library.asnumpy(array)


def create(values, dtype=None, copy=True):
    """Make an array of nested lists, scalars or an array, on the default device.

    Python floats become float32 (the course's default); arrays keep their dtype.
    """
    if is_array(values):
        return at_default(values.astype(dtype or values.dtype, copy=copy))
    try:
        array = np.array(values)
    except ValueError:  # a ragged list
        array = np.array(None)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            "tensor() needs numbers in a rectangular (nested) list or an array, got a "
            f"{type(values).__name__} that is ragged or holds something else"
        )
    if dtype is None and array.dtype == float64 and not isinstance(values, np.generic):
        dtype = float32
    return at_default(array if dtype is None else array.astype(dtype))


def at_default(array):
    """A host array on the default device; what is on a device stays where it is."""
    if not isinstance(array, np.ndarray) or default_device() == "cpu":
        return array
    return to(array, default_device())


def is_scalar(x):
    """True for Python and NumPy scalars: numbers that must not change a dtype."""
    return isinstance(x, (bool, int, float, complex, np.generic))


def as_array(x):
    """NumPy gives scalars where a result is 0-d; the tape keeps arrays."""
    if type(x) is np.ndarray:  # the usual case first: this runs once for each operation
        return x
    if isinstance(x, np.generic):
        return np.asarray(x)
    return create(x) if isinstance(x, _numbers) else x


def operand(x, scalars=True):
    """A value given to an operation beside Tensors: arrays and Python scalars as they
    are, NumPy scalars as Python's, lists (and, with `scalars=False`, scalars) as
    arrays."""
    if x is None or type(x) is np.ndarray:  # the usual cases first
        return x if x is None else at_default(x)
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (list, tuple)) or (not scalars and is_scalar(x)):
        return create(x)
    return at_default(x)


def as_float(x):
    """`x` itself if it holds floats (or complex numbers), else as float32."""
    if not hasattr(x, "dtype"):
        x = create(x)
    return x if x.dtype.kind in "fc" else x.astype(float32)


def match(x, y):
    """Two operands under the course's promotion rule, PyTorch's: integers never raise
    the precision of floats (NumPy alone would make int64 with float32 a float64)."""
    if type(x) is type(y) is np.ndarray and x.dtype is y.dtype:  # most calls end here
        return x, y
    kx, ky = kind_of(x), kind_of(y)
    if kx == ky or (kx is None and ky in "fc") or (ky is None and kx in "fc"):
        return x, y
    if kx is None or ky is None:  # an integer array and a Python scalar
        if isinstance(y if ky is None else x, float):
            return (x, as_float(y)) if kx is None else (as_float(x), y)
        return x, y
    if kx in "biu" and ky in "fc":
        return x.astype(y.dtype), y
    if ky in "biu" and kx in "fc":
        return x, y.astype(x.dtype)
    return x, y


def kind_of(x):
    """The kind of x's dtype, None for a Python number; TypeError for anything else."""
    if isinstance(x, _numbers):
        return None
    if not hasattr(x, "dtype"):
        raise TypeError(
            "an operation takes Tensors, arrays and numbers, and one of its operands "
            f"is of type {type(x).__name__}"
        )
    return x.dtype.kind


# --- what the two libraries do differently -----------------------------------------


def rng(seed=None):
    """Return a host generator; the same numbers reach every device."""
    return np.random.default_rng(seed)


def uniform(generator, shape, dtype, like=None):
    """Draw U[0, 1) of `dtype` on the host and move it to the device of `like`."""
    fine = np.dtype(dtype) == float64
    return _beside(generator.random(shape, dtype=float64 if fine else float32), like)


def normal(generator, shape, dtype, like=None):
    """Draw N(0, 1) of `dtype` on the host and move it to the device of `like`."""
    draw = generator.standard_normal
    fine = np.dtype(dtype) == float64
    return _beside(draw(shape, dtype=float64 if fine else float32), like)


def _beside(host, like):
    where = default_device() if like is None else device_of(like)
    return host if where == "cpu" else to(host, where)


def scatter_add(target, index, values):
    """target[index] += values, in place; repeated indices accumulate."""
    if not isinstance(target, np.ndarray):
        _device_library.add.at(target, index, values)
    elif _picks_rows(target, index, values):
        _add_rows(target, index.reshape(-1), values.reshape(index.size, -1))
    else:
        np.add.at(target, index, values)


def _picks_rows(target, index, values):
    rows = (
        isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.size > 64
    )
    return rows and target.ndim > 1 and values.shape == index.shape + target.shape[1:]


def _add_rows(target, ids, rows):
    """Sort the rows by id, sum each run, add it: 3x to 8x faster than np.add.at."""
    order = np.argsort(ids, kind="stable")
    ids, rows = ids[order], rows[order]
    starts = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    rows = rows.reshape(len(ids), *target.shape[1:])
    for i, start, end in zip(ids[starts[:-1]].tolist(), starts, starts[1:]):
        target[i] += rows[start] if end - start == 1 else rows[start:end].sum(axis=0)


def windows(x, size, stride):
    """View x (..., H, W) as (..., Ho, Wo, kh, kw) sliding windows; nothing is copied."""
    (kh, kw), (sh, sw) = size, stride
    *rest, H, W = x.shape
    Ho, Wo = (H - kh) // sh + 1, (W - kw) // sw + 1
    *steps, step_h, step_w = x.strides
    strides = (*steps, step_h * sh, step_w * sw, step_h, step_w)
    as_strided = xp_of(x).lib.stride_tricks.as_strided
    return as_strided(x, (*rest, Ho, Wo, kh, kw), strides)


def errstate(x, **kinds):
    """NumPy's `errstate` for host arrays; devices raise no floating-point signals."""
    return (
        np.errstate(**kinds) if isinstance(x, np.ndarray) else contextlib.nullcontext()
    )


def result_type(*arrays):
    """The dtype NumPy's promotion gives these arrays and Python scalars."""
    return np.result_type(*arrays)


def synchronize():
    """Wait until the device has finished (nothing to wait for on the CPU)."""
    if _device_library is not None:
        _device_library.cuda.get_current_stream().synchronize()


def memory_stats():
    """Bytes {'used', 'total'} of the device's memory pool; None without a device."""
    if _device_library is None:
        return None
    pool = _device_library.get_default_memory_pool()
    return {"used": pool.used_bytes(), "total": pool.total_bytes()}


def memory_error(what, error):
    """The exception to raise for a MemoryError of an array library in `what`."""
    held = memory_stats()
    if held is None:
        return MemoryError(f"{what}: {error}")
    used, total = held["used"] / 1e6, held["total"] / 1e6
    return DeviceMemoryError(
        f"{what}: no room on the device ({error}). Its pool holds {total:.1f} MB, "
        f"{used:.1f} MB of it in use. Take a smaller batch (and fit(accumulate=...)), "
        "let go of results that keep their tape (loss.detach()), call zero_grad(); "
        "backend.free_memory() gives the unused blocks back"
    )


def linalg_of(what, x):
    """The module `linalg` for x; TypeError for float16, which no library decomposes."""
    if x.dtype == float16:
        raise TypeError(
            f"{what}: a float16 matrix cannot be decomposed or solved, on any device; "
            'convert it first: x.astype("float32"), or the model: model.to("float32")'
        )
    return xp_of(x).linalg


def free_memory():
    """Give unused memory back: the heap's to the system, the device pools' to it."""
    allocator.give_back()
    if _device_library is not None:
        _device_library.get_default_memory_pool().free_all_blocks()
        _device_library.get_default_pinned_memory_pool().free_all_blocks()


def host():
    """NumPy, for work that is the host's: sampling tokens, sorting names."""
    return np
