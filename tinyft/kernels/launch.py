"""Launching the GPU kernels of fused.cu: when they can run, and on which grid.

switch.py turns them off. NVRTC
compiles the kernels at the first use, once for each dtype; should that fail, a warning
says so and the operations' formulas serve.
"""

import warnings
from pathlib import Path

from tinyft import backend
from tinyft.kernels.switch import on

SOURCE = Path(__file__).parent / "fused.cu"
TYPES = {backend.float32: "float", backend.float64: "double"}
MOST = 256  # threads of a block at most, as in fused.cu
BLOCKS = 4096  # of an entry-by-entry kernel at most; its threads stride

_modules = {}  # (array library, dtype) -> its compiled kernels, None after a failure


def serves(x):
    """Whether x lies on a device and the kernels are switched on."""
    return on() and backend.is_array(x)


def fit(x, *others):
    """True if a kernel can take these arrays: on a card, of one dtype; None is skipped."""
    if not on() or not backend.is_array(x) or backend.device_of(x) == "cpu":
        return False
    plain = x.size > 0 and x.dtype in TYPES
    for a in others:
        plain = plain and (a is None or (type(a) is type(x) and a.dtype == x.dtype))
    return plain and compiled(x) is not None


def compiled(x):
    """The kernels for arrays like x, or None where they do not compile."""
    library = backend.xp_of(x)
    key = library, x.dtype
    if key not in _modules:
        options = (f"-DREAL={TYPES[x.dtype]}",)
        source = SOURCE.read_text("utf-8")
        try:
            module = library.RawModule(code=source, options=options)
            module.get_function("adam")  # compiles all of them
        except MemoryError:
            raise
        except Exception as error:  # CuPy raises its own classes
            warnings.warn(
                f"the fused kernels do not compile ({type(error).__name__}: {error}); "
                "operations take their generic way"
            )
            module = None
        _modules[key] = module
    return _modules[key]


def power(n, most):
    """The smallest power of two that is at least n, between 1 and `most`."""
    return min(most, 1 << max(0, n - 1).bit_length())


def each(name, n, x, *args):
    """Launch an entry-by-entry kernel over n entries."""
    block = max(32, power(n, MOST))
    grid = min(BLOCKS, -(-n // block))
    compiled(x).get_function(name)((grid,), (block,), args)


def rows(name, x, *args):
    """Launch a row-by-row kernel: a block for each row of x (..., width)."""
    width = x.shape[-1]
    block = max(32, power(width, MOST))
    compiled(x).get_function(name)((x.size // width,), (block,), args)


def columns(name, x, parts, *args):
    """Launch a kernel that sums over the rows of x (rows, width), in parts."""
    wide = power(x.shape[1], 32)
    grid = (-(-x.shape[1] // wide), parts)
    compiled(x).get_function(name)(grid, (wide, MOST // wide), args)
