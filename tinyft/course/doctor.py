"""`tinyft doctor`: what is installed, what runs, what is missing and its remedy.

A row is (name, value, state, remedy): state is "ok", "note" (something optional is not
there) or "missing" (the course cannot run without it); the remedy is a command or "".
"""

import importlib.metadata
import os
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import tinyft
from tinyft import backend, kernels, ops
from tinyft.backend import diagnose, library
from tinyft.course import fast

COURSE = (
    "safetensors rich typer pytest matplotlib ipykernel nbclient nbconvert nbformat "
    "latex2mathml"
).split()
EXTRAS = {
    "course": [*COURSE, "jupytext"],
    "fast": ["numba"],
    "class": ["distributed"],
    "test": ["pytest", "pytest-cov", "hypothesis", "setuptools", "wheel", "ruff"],
    "peers": ["torch", "transformers", "peft", "jax"],
}


def examine():
    """All rows, in reading order."""
    rows = [
        ("Python", f"{platform.python_version()} ({sys.executable})", "ok", ""),
        ("platform", platform.platform(), "ok", ""),
        ("tinyft", f"{tinyft.__version__} ({Path(tinyft.__file__).parent})", "ok", ""),
        ("NumPy", np.__version__, "ok", ""),
        ("BLAS", blas(), *threads()),
        grader(),
        fast.row(),
        *gpu(),
    ]
    return rows + [extra(name) for name in EXTRAS]


def can_run(rows):
    """True when nothing that the course needs is missing."""
    return all(state != "missing" for _, _, state, _ in rows)


def gpu_works(rows):
    """True when a card is there and every probe on it gave the CPU's numbers."""
    states = [state for name, _, state, _ in rows if name.startswith("GPU")]
    return diagnose.gpu_status()[0] and "missing" not in states


def grader():
    """What shuts an answer in when it is graded here, found by starting it."""
    from tinyft.grading.sandbox import box, fence

    found = box.choose()
    state = "note" if found in ("none", "browser") else "ok"
    remedy = "" if state == "ok" else "needed for other people's files: docs/grading.md"
    return "grader's fence", fence.SAID[found], state, remedy


def blas():
    """Name, version, kernel and threads of the BLAS that NumPy calls."""
    try:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (KeyError, TypeError):
        built = {}
    text = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    kernel, threads = running_blas()
    if threads is None:
        return f"{text} (with threadpoolctl installed: its kernel and threads too)"
    return f"{text}, kernel {kernel or 'unknown'}, threads {threads}"


def threads():
    """("ok", "") where BLAS keeps to one thread, else a note and what to set."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    if any(os.environ.get(name) == "1" for name in names):
        return "ok", ""
    return "note", "beside other programs: OPENBLAS_NUM_THREADS=1 (docs/performance.md)"


def running_blas():
    """(kernel, threads) of the loaded BLAS; needs threadpoolctl, else (None, None)."""
    try:
        import threadpoolctl
    except ModuleNotFoundError:
        return None, None
    np.ones((2, 2)) @ np.ones((2, 2))  # make sure that it is loaded
    for pool in threadpoolctl.threadpool_info():
        if pool["user_api"] == "blas":
            return pool.get("architecture"), pool["num_threads"]
    return None, None


def gpu():
    """The rows of the backend: NumPy alone and why, or the card and what runs on it."""
    works, sentence = diagnose.gpu_status()
    if works:
        value = f"NumPy on the CPU; GPU: {sentence}"
        return [("backend", value, "ok", ""), *card()]
    wheels = diagnose.cupy_wheels()
    clash = len(wheels) > 1
    remedy = f"pip uninstall {' '.join(wheels)}" if clash else gpu_command()
    value = f"NumPy on the CPU. No GPU: {sentence}"
    return [("backend", value, "missing" if clash else "note", remedy)]


def gpu_command():
    """The command that adds CuPy, when it is CuPy that is missing."""
    if diagnose.cupy_wheels() or sys.platform == "darwin":
        return ""
    return f'{pip()} "tinyft[cuda12x]"   (CUDA 13: cuda13x)'


def card():
    """Rows of the card: what it is, the versions, and each probe against the CPU."""
    cupy = library.cupy_module()
    runtime = cupy.cuda.runtime
    p, (free, total) = runtime.getDeviceProperties(0), runtime.memGetInfo()
    what = f"{p['name'].decode()}, sm_{p['major']}{p['minor']}, "
    what += f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    wheel = ", ".join(diagnose.cupy_wheels()) or "no wheel"
    versions = f"cupy {cupy.__version__} ({wheel}), driver for CUDA "
    versions += f"{_cuda(runtime.driverGetVersion())}, "
    versions += f"runtime {_cuda(runtime.runtimeGetVersion())}"
    rows = [("GPU 0", what, "ok", ""), ("CUDA", versions, "ok", "")]
    rows += [probe(name, function) for name, function in PROBES.items()]
    return [*rows, fused_kernels()]


def _cuda(version):
    return f"{version // 1000}.{version % 1000 // 10}"


def _scatter(xp, x):
    """Rows 0, 1, 0, 1, ... of x summed into two."""
    sums = backend.to(np.zeros((2, x.shape[1]), "f4"), backend.device_of(x))
    index = backend.to(np.arange(len(x)) % 2, backend.device_of(x))
    backend.scatter_add(sums, index, x)
    return sums


# Elementwise needs CUDA's compiler (NVRTC), the product cuBLAS; random numbers are drawn
# on the host and sent. Each is f(namespace, x) with x (64, 48) float32 on one device.
PROBES = {
    "elementwise": lambda xp, x: xp.exp(x) + 1.0,
    "reduction": lambda xp, x: x.sum(axis=0),
    "matmul": lambda xp, x: x @ x.T,
    "scatter": _scatter,
    "rng": lambda xp, x: backend.normal(backend.rng(1), (3, 4), "float32", like=x),
}


def fused_kernels():
    """The row of tinyft's own kernels: compiled and right, or why they do not serve."""
    name = "GPU fused kernels"
    if not kernels.on():
        return name, "switched off (TINYFT_GPU_KERNELS=0)", "note", ""
    try:
        x = backend.to(np.ones((2, 2), "f4"), "cuda")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            works = kernels.fit(x)
    except Exception as error:  # CuPy raises its own classes
        return name, f"FAILED: {type(error).__name__}: {error}", "missing", ""
    if not works:
        why = str(said[-1].message) if said else "they did not compile"
        return name, f"not in use: {why}", "note", ""
    return probe("fused kernels", lambda xp, x: ops.softmax(ops.layer_norm(x)).data)


CLOSE = 1e-5  # relative to the largest entry: float32, sums of at most 64 terms


def probe(name, function):
    """The row of one probe: its time (with compilation) and its distance to the CPU."""
    x = backend.rng(0).standard_normal((64, 48)).astype("f4")
    want = function(np, x)
    start = time.perf_counter()
    try:
        there = backend.to(x, "cuda")
        got = backend.asnumpy(function(backend.xp_of(there), there))
    except Exception as error:  # CuPy raises its own classes, one for each library
        wheel = next(iter(diagnose.cupy_wheels()), "cupy-cuda12x")
        value = f"FAILED: {type(error).__name__}: {error}"
        return f"GPU {name}", value, "missing", f'{pip()} "{wheel}[ctk]"'
    milliseconds = 1e3 * (time.perf_counter() - start)
    worst = abs(got - want).max() / abs(want).max()
    value = f"{milliseconds:.0f} ms the first time, parity error {worst:.1g}"
    if not worst < CLOSE:  # not >=: NaN fails too
        return f"GPU {name}", f"WRONG: {value}", "missing", ""
    return f"GPU {name}", value, "ok", ""


def extra(name):
    """The row of one extra: the versions that are there, or the names that are not."""
    missing = [package for package in EXTRAS[name] if version(package) is None]
    if not missing:
        return f"extra {name}", "complete", "ok", ""
    needed = name == "course" and any(package in COURSE for package in missing)
    state = "missing" if needed else "note"
    return f"extra {name}", f"without {', '.join(missing)}", state, command(name)


def version(package):
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def command(name):
    """The exact pip command that adds an extra to this interpreter."""
    return f'{pip()} "tinyft[{name}]"'


def pip():
    """pip of this interpreter, as one would type it."""
    return "python -m pip install"


def doctor():
    """Print the table; returns (the course can run, a GPU works)."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = examine()
    colours = {"ok": "green", "note": "yellow", "missing": "red"}
    grid = Table(title="tinyft doctor", show_lines=False)
    for title in ("what", "state", "found", "the command that adds it"):
        grid.add_column(title, overflow="fold")
    for name, value, state, remedy in rows:
        mark = f"[{colours[state]}]{state}[/]"
        grid.add_row(name, mark, escape(str(value)), escape(remedy))
    Console().print(grid)
    return can_run(rows), gpu_works(rows)
