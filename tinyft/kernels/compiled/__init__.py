"""Kernels for the processor: Python that numba compiles, one walk through memory each.

Where NumPy's form of an operation goes through memory five to fifteen times, these go
once. Matrix products stay with BLAS. Each file has an operation's kernels under their
formula, and functions with the names and arguments of kernels/functions.py. numba is
imported here at the first use; where it is missing or broken, NumPy's form serves and
`why_not` keeps the reason. float32 only, one thread. docs/fast.md has measurements.
"""

import importlib

from tinyft.backend import HOST, float32

_found = []  # once looked for: [None] if the kernels run, else [why they do not]


def why_not():
    """None where the kernels run here, else the reason in a sentence."""
    if not _found:
        _found.append(_try())
    return _found[0]


def give_up(error):
    """No compiled kernel from now on: NumPy's forms serve. Keeps the reason."""
    _found[:] = [f"a kernel does not compile ({type(error).__name__}: {error})"]


def _try():
    try:
        return importlib.import_module("tinyft.kernels.compiled.jit").fault()
    except ModuleNotFoundError as error:
        if error.name in ("numba", "llvmlite"):
            return f"{error.name} is not installed"
        return f"numba does not start (ModuleNotFoundError: {error})"
    except Exception as error:  # whatever a numba of another time raises
        return f"numba does not start ({type(error).__name__}: {error})"


def fit(x, *others):
    """True if a kernel can take these arrays: on the host, of float32, not empty."""
    if not (x.dtype == float32 and x.size):
        return False
    for a in others:
        if a is not None and not (type(a) is HOST.ndarray and a.dtype == float32):
            return False
    return True
