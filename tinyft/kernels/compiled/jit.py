"""How the kernels are compiled, and the two functions that all of them share.

Four rules make LLVM vectorise a loop; each one missed costs a factor of 3 to 20:

1. exp is a polynomial. A call of math.exp is one scalar call per entry, because numba's
   wheels come without a vector library.
2. error_model="numpy": Python's ZeroDivisionError is a branch.
3. The freedoms of floating point are named one by one: sums may be reordered ("reassoc")
   but NaN and infinity keep their meaning, since masks are made of -inf. exp itself has
   no "reassoc", which would cancel its rounding trick.
4. Maxima go through `larger`, LLVM's own instruction: the fold of Python's max() stays
   scalar.

And exp must be 0 far below zero, not 1e-38: products with such a number are denormal,
and a padded attention took twenty times as long.

Signatures are written out (f4[::1] is a contiguous float32 vector, f4[:,::1] a matrix),
so a kernel compiles when its file is imported. Compiled code is cached, see `folder`.
"""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

f = numba.float32  # a constant that is not f(...) makes its whole loop float64
ORDERED = {"contract", "nsz"}
FREE = ORDERED | {"reassoc", "arcp"}


def folder():
    """Where compiled code is kept: the user's cache, a new folder for each source text.

    numba's own key is one file's time and size, and a kernel here is more than one file.
    """
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home())
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    texts = [p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py"))]
    return (
        root / "tinyft" / f"kernels-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"
    )


@contextlib.contextmanager
def _cached():
    """numba's cache folder, unless NUMBA_CACHE_DIR has chosen one."""
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = before or str(folder())
        yield
    finally:
        numba.config.CACHE_DIR = before


def kernel(signature):
    """Compile the function below for this signature now, or take it from the cache."""

    def compile_it(function):
        make = {"fastmath": FREE, "error_model": "numpy", "nogil": True}
        with _cached():
            try:
                return numba.njit(signature, cache=True, **make)(function)
            except (OSError, RuntimeError):  # no folder that can be written
                return numba.njit(signature, **make)(function)

    return compile_it


inlined = numba.njit(fastmath=FREE, error_model="numpy")


@intrinsic
def power_of_two(typing, n):
    """2^n for a whole float32 n between -126 and 127, made by its exponent's bits."""

    def build(context, builder, signature, args):
        whole = ir.IntType(32)
        n = builder.add(builder.fptosi(args[0], whole), ir.Constant(whole, 127))
        return builder.bitcast(builder.shl(n, ir.Constant(whole, 23)), ir.FloatType())

    return types.float32(types.float32), build


@intrinsic
def _maxnum(typing, a, b):
    """The larger of two numbers, neither of them NaN."""

    def build(context, builder, signature, args):
        real = ir.FloatType()
        kind = ir.FunctionType(real, [real, real])
        found = builder.module.declare_intrinsic("llvm.maxnum", [real], kind)
        return builder.call(found, args, fastmath=("nnan", "nsz"))

    return types.float32(types.float32, types.float32), build


ZERO, HALF, ONE, TWO, INF = f(0), f(0.5), f(1), f(2), f(float("inf"))
LOWEST, TINY = f(-3.4028235e38), f(1.1754944e-38)  # finite; the smallest normal number
LOG2E, LN2_HIGH, LN2_LOW = f(1.44269504088896341), f(0.693359375), f(-2.12194440e-4)
ROUND = f(12582912.0)  # 1.5 · 2^23: adding it rounds to a whole number
TOP, BOTTOM = f(87.0), f(-87.0)
E0, E1, E2 = f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3)
E3, E4, E5 = f(4.1665795894e-2), f(1.6666665459e-1), f(5.0000001201e-1)


@inlined
def larger(m, x):
    """max(m, x) for m that is not NaN; a NaN x is passed over."""
    return _maxnum(m, x if x == x else LOWEST)


@numba.njit(fastmath=ORDERED, error_model="numpy")
def exp(x):
    """e^x to 8e-8, 0 below -87, inf above 87; NaN stays NaN.

    x = n ln 2 + r with a whole n, e^x = 2^n e^r, and for |r| < ln(2)/2 a polynomial of
    degree 7. Source: Moshier's Cephes library (expf).
    """
    z = BOTTOM if x < BOTTOM else x  # comparisons, which a NaN passes
    z = TOP if z > TOP else z
    n = (z * LOG2E + ROUND) - ROUND
    r = (z - n * LN2_HIGH) - n * LN2_LOW
    p = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    y = (p * (r * r) + r + ONE) * power_of_two(n)
    y = ZERO if x < BOTTOM else y
    return INF if x > TOP else y


@inlined
def sigmoid(x):
    """1/(1 + e^-x), exactly 0 below -87."""
    return ONE / (ONE + exp(-x))


def fault():
    """None, or what is wrong: e^x of a few numbers, compiled as the kernels are."""
    from tinyft.backend import HOST

    x = HOST.array([-HOST.inf, -100.0, -1.5, 0.0, 3.0, HOST.inf, HOST.nan], "f4")
    y = HOST.empty_like(x)
    _exp_of(x, y)
    right = HOST.allclose(y, HOST.exp(x), rtol=3e-7, atol=1e-37, equal_nan=True)
    return None if right else f"its exponential is wrong here: {y.tolist()}"


@kernel("void(f4[::1], f4[::1])")
def _exp_of(x, y):
    for i in range(x.size):
        y[i] = exp(x[i])
