"""EXPERIMENTAL: the null device with values, so that CuPy's front end computes.

Each kernel text that CuPy generates is compiled for the CPU (cpu_kernels.py, behind
cupy_arrays.hpp) and run at its launch; matrix products are NumPy's. So a training step
goes through CuPy's own code from the call to the kernel's text. It says nothing of
speed, of races or of a GPU's rounding, and knows only what our operations need:
`failed` has what it could not run, and nothing may be believed unless it is empty.
"""

import ctypes as C
import re

import cpu_kernels
import null_device
import numpy as np

failed = []
_built = {}  # (text, options): Kernels
# CuPy's text is not ours to judge; and what is compiled hundreds of times, quickly
CUPY = "-w", "-fpermissive", "-fno-sanitize=undefined", "-O0"
TYPES = {"s": np.dtype("f4"), "d": np.dtype("f8")}


def install():
    """Let launches and products of the null device compute."""
    null_device.runs[0] = _trusted(run_kernel)
    null_device.products[0] = _trusted(run_product)


def _trusted(run):
    """An exception in a callback from C is lost: keep it in `failed`."""

    def call(*args):
        try:
            run(*args)
        except BaseException as error:
            failed.append(f"{type(error).__name__}: {error}"[:500])

    return call


def run_kernel(text, name, grid, block, arguments):
    if text not in _built:
        _built[text] = _build(*text)
    _built[text].launch(name, grid, block, C.c_void_p(arguments))


def _build(source, options):
    real = tuple(o for o in options if o.startswith("-DREAL="))
    if real:
        return cpu_kernels.Kernels(source, real)
    source = re.sub(r"#include <cupy/.*", "", source)
    here = f"-I{null_device.HERE}"
    return cpu_kernels.Kernels(
        '#include "cupy_arrays.hpp"\n' + source, (*CUPY, "-std=c++20", here)
    )


def _matrix(pointer, rows, columns, step, dtype):
    """A column-major matrix in memory, `step` entries from column to column."""
    if not rows or not columns:
        return np.zeros((rows, columns), dtype)
    room = C.c_char * (((columns - 1) * step + rows) * dtype.itemsize)
    flat = np.frombuffer(room.from_address(pointer), dtype)
    steps = (dtype.itemsize, step * dtype.itemsize)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), steps)


def _scalar(pointer, dtype):
    return np.frombuffer((C.c_char * dtype.itemsize).from_address(pointer), dtype)[0]


def _product(dtype, sizes, turned, A, B, Y, numbers):
    """Y = alpha op(A) op(B) + beta Y; A, B, Y are (pointer, step)."""
    m, n, k = sizes
    a = _matrix(A[0], *((k, m) if turned[0] else (m, k)), A[1], dtype)
    b = _matrix(B[0], *((n, k) if turned[1] else (k, n)), B[1], dtype)
    y, (alpha, beta) = _matrix(Y[0], m, n, Y[1], dtype), numbers
    product = alpha * ((a.T if turned[0] else a) @ (b.T if turned[1] else b))
    y[...] = product + beta * y if beta else product


def run_product(name, handle, ta, tb, m, n, k, alpha, *rest):
    """A call of cuBLAS; names and arguments as in its manual."""
    kind, form = re.fullmatch(r"([sd]?)gemm(\w*)", name).groups()
    if form in ("Ex", "StridedBatchedEx"):
        kind = "s" if rest[1] == 0 else "d"  # CUDA_R_32F, CUDA_R_64F
        rest = _without_types(form, rest)
    dtype = TYPES[kind]
    if form.startswith("StridedBatched"):
        A, lda, sa, B, ldb, sb, beta, Y, ldy, sy, count = rest[:11]
        starts = [
            [p + i * step * dtype.itemsize for p, step in ((A, sa), (B, sb), (Y, sy))]
            for i in range(count)
        ]
    elif form == "Batched":
        A, lda, B, ldb, beta, Y, ldy, count = rest[:8]
        tables = [
            np.ctypeslib.as_array((C.c_uint64 * count).from_address(p))
            for p in (A, B, Y)
        ]
        starts = np.stack(tables, axis=1).tolist()
    else:
        A, lda, B, ldb, beta, Y, ldy = rest[:7]
        starts = [[A, B, Y]]
    numbers = _scalar(alpha, dtype), _scalar(beta, dtype)
    for a, b, y in starts:
        sides = (a, lda), (b, ldb), (y, ldy)
        _product(dtype, (m, n, k), (ta, tb), *sides, numbers)


def _without_types(form, rest):
    """The arguments of gemmEx as those of gemm; float32 and float64 alone."""
    if form == "Ex":
        A, at, lda, B, bt, ldb, beta, Y, yt, ldy = rest[:10]
        plain = A, lda, B, ldb, beta, Y, ldy
    else:
        A, at, lda, sa, B, bt, ldb, sb, beta, Y, yt, ldy, sy, count = rest[:14]
        plain = A, lda, sa, B, ldb, sb, beta, Y, ldy, sy, count
    if not at == bt == yt or at not in (0, 1):
        raise NotImplementedError(f"a product of types {at}, {bt}, {yt}")
    return plain
