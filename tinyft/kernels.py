"""Fused GPU kernels (kernels.cu): when they run, and a function for each.

On a card NumPy's way costs a launch an operator: some 5 us each, and a walk through
memory. Where a chain of operators dominates a step (docs/performance.md counts them),
one kernel does it all. An operation asks `fit(x, ...)`; where the answer is no, because
the arrays are the host's, or of another dtype, or the kernels are switched off, it goes
its generic way, which is the specification. Off: `with kernels.use(False):`, or
TINYFT_GPU_KERNELS=0 in the environment.

The functions take and return device arrays, and never wait. They are compiled by NVRTC
at the first use, once for each dtype; should that fail, a warning says so and the
generic way serves.
"""

import contextlib
import os
import warnings
from pathlib import Path

from tinyft import backend

SOURCE = Path(__file__).parent / "kernels.cu"
TYPES = {backend.float32: "float", backend.float64: "double"}
MOST = 256  # threads of a block at most, as in kernels.cu
BLOCKS = 4096  # of an entry-by-entry kernel at most; its threads stride
PARTS = 64  # into which column sums cut the rows at most, and rows of a part at least

_on = os.environ.get("TINYFT_GPU_KERNELS", "1").strip() != "0"
_modules = {}  # (array library, dtype) -> its compiled kernels, None after a failure


@contextlib.contextmanager
def use(on):
    """Switch the fused kernels on or off inside this block."""
    global _on
    before, _on = _on, on
    try:
        yield
    finally:
        _on = before


def on():
    """Whether the fused kernels are switched on."""
    return _on


def fit(x, *others):
    """True if a kernel can take these arrays: on a card, one dtype (None is no array)."""
    if not _on or not backend.is_array(x) or backend.device_of(x) == "cpu":
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


# --- launching ----------------------------------------------------------------------


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


def _parts(x):
    return max(1, min(PARTS, len(x) // PARTS))


def _solid(x):
    """x in C order; a kernel sees memory only."""
    return None if x is None else backend.xp_of(x).ascontiguousarray(x)


def _empty(x, shape=None):
    return backend.xp_of(x).empty(x.shape if shape is None else shape, x.dtype)


# --- one function for each kernel -----------------------------------------------------


def gelu(x, approximate, keep):
    """(y, slope); slope is None unless `keep`."""
    x, y = _solid(x), _empty(x)
    slope = _empty(x) if keep else None
    each(f"gelu_{approximate}", x.size, x, x, y, slope, x.size)
    return y, slope


def silu(x):
    """x / (1 + e^-x)."""
    x, y = _solid(x), _empty(x)
    each("silu", x.size, x, x, y, x.size)
    return y


def silu_gradient(x, gy):
    """The gradient of silu at x."""
    gx = _empty(x)
    each("silu_gradient", x.size, x, _solid(x), _solid(gy), gx, x.size)
    return gx


def softmax(x):
    """e^x / sum of e^x over the last axis."""
    x, y, n = _solid(x), _empty(x), x.shape[-1]
    rows("softmax", x, x, y, None, n, 1, n)
    return y


def softmax_gradient(y, gy):
    """y (gy - <gy, y>) over the last axis."""
    gx = _empty(y)
    rows("softmax_gradient", y, _solid(y), _solid(gy), gx, y.shape[-1])
    return gx


def attention_weights(S, L, causal):
    """softmax(S) in place, log sum e^S to L (..., T, 1); `causal`: see seen_by."""
    rows("softmax", S, S, S, L, *_sight(S, causal))


def attention_weights_again(S, L, causal):
    """e^(S - L) in place."""
    rows("softmax_again", S, S, L, S, *_sight(S, causal))


def _sight(S, causal):
    """(keys, queries, shift): under `causal` query i sees keys 0..i + shift, else all."""
    T, n = S.shape[-2:]
    return n, T, n - T if causal else n


def cross_entropy(X, y, ignore_index, smoothing, mean, keep):
    """(losses, their gradient or None) of class indices y (N); X (N, C)."""
    X, y, (N, C) = _solid(X), _solid(y.astype(backend.int64, copy=False)), X.shape
    losses, G = _empty(X, (N,)), _empty(X) if keep else None
    count = (y != ignore_index).sum() if mean else None
    numbers = C, int(ignore_index), float(smoothing)
    rows("cross_entropy", X, X, y, count, losses, G, *numbers)
    return losses, G


def normalise_rows(X, weight, bias, eps, centred, keep):
    """(y, xh or None, 1/s of each row (N, 1)) of layer norm, or of RMS norm."""
    X, weight, bias = _solid(X), _solid(weight), _solid(bias)
    Y, scale = _empty(X), _empty(X, (len(X), 1))
    XH = _empty(X) if keep else None
    numbers = X.shape[1], float(eps), int(centred)
    rows("normalise_rows", X, X, weight, bias, XH, Y, scale, *numbers)
    return Y, XH, scale


def normalise_rows_gradient(G, XH, weight, scale, centred):
    """gx of layer norm, or of RMS norm."""
    G, GX = _solid(G), _empty(G)
    arrays = G, XH, _solid(weight), scale, GX
    rows("normalise_rows_gradient", G, *arrays, G.shape[1], int(centred))
    return GX


def column_sums(G, X, mean=None, scale=None):
    """The sums of g and of g xh over the rows, xh = (x - mean) scale, or x."""
    parts, (N, C) = _parts(G), G.shape
    shape = (C,) if parts == 1 else (parts, C)
    plain, times = _empty(G, shape), _empty(G, shape)
    arrays = _solid(G), _solid(X), mean, scale, plain, times
    columns("column_sums", G, parts, *arrays, N, C)
    if parts == 1:
        return plain, times
    return plain.sum(axis=0), times.sum(axis=0)


def batch_statistics(X, running, momentum, eps):
    """(mean, 1/s) of each column of X (rows, C); moves the running statistics."""
    parts, (N, C) = _parts(X), X.shape
    moments, mean, scale = _empty(X, (3, parts, C)), _empty(X, (C,)), _empty(X, (C,))
    columns("column_moments", X, parts, X, moments, N, C)
    arrays = moments, mean, scale, *(running or (None, None))
    numbers = parts, C, float(momentum), float(eps)
    each("batch_statistics", C, X, *arrays, *numbers)
    return mean, scale


def normalise_columns(X, mean, scale, weight=None, bias=None):
    """w (x - mean) scale + b with one number of each a column; mean may be None."""
    Y, last = _empty(X), (X.size, X.shape[1])
    arrays = X, mean, scale, _solid(weight), _solid(bias), Y
    each("normalise_columns", X.size, X, *arrays, *last)
    return Y


def batch_norm_gradient(G, X, mean, scale, weight, gb, gw):
    """gx of batch norm in training."""
    GX = _empty(X)
    arrays = G, X, mean, scale, _solid(weight), _solid(gb), _solid(gw), GX
    each("batch_norm_gradient", X.size, X, *arrays, *X.shape)
    return GX


def adam(p, g, state, numbers):
    """One step of Adam in place; `numbers` in the order of the kernel."""
    m, v, *largest = state
    arrays = p, _solid(g), m, v, largest[0] if largest else None
    each("adam", p.size, p, *arrays, p.size, *map(float, numbers))
