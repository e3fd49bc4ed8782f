"""Why a device cannot be used: wheels, drivers, libraries. Loaded when one is asked for."""

import contextlib
import importlib.metadata

from tinyft.backend.library import cupy_module


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
