"""`tinyft doctor`: what is installed, what runs, what is missing and its remedy.

A row is (name, value, state, remedy): state is "ok", "note" (something optional is not
there) or "missing" (the course cannot run without it); the remedy is a command or "".
"""

import importlib.metadata
import importlib.util
import platform
import sys
from pathlib import Path

import numpy as np

import tinyft
from tinyft import backend

COURSE = (
    "safetensors rich typer pytest matplotlib ipykernel nbclient nbconvert nbformat"
).split()
EXTRAS = {
    "course": [*COURSE, "jupytext"],
    "test": ["pytest", "pytest-cov", "hypothesis", "setuptools", "wheel", "ruff"],
    "peers": ["torch", "transformers", "peft", "jax"],
}


def diagnose():
    """All rows, in reading order."""
    rows = [
        ("Python", f"{platform.python_version()} ({sys.executable})", "ok", ""),
        ("platform", platform.platform(), "ok", ""),
        ("tinyft", f"{tinyft.__version__} ({Path(tinyft.__file__).parent})", "ok", ""),
        ("NumPy", np.__version__, "ok", ""),
        ("BLAS", blas(), "ok", ""),
        gpu(),
    ]
    return rows + [extra(name) for name in EXTRAS]


def can_run(rows):
    """True when nothing that the course needs is missing."""
    return all(state != "missing" for _, _, state, _ in rows)


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
    """The row of the backend: an NVIDIA card through CuPy, or NumPy alone and why."""
    works, sentence = backend.gpu_status()
    if works:
        return "backend", f"NumPy on the CPU; GPU: {sentence}", "ok", ""
    return "backend", f"NumPy on the CPU. No GPU: {sentence}", "note", gpu_command()


def gpu_command():
    """The command that adds CuPy, when it is CuPy that is missing."""
    if importlib.util.find_spec("cupy") or sys.platform == "darwin":
        return ""
    return f'{pip()} "tinyft[cuda12x]"   (CUDA 13: cuda13x)'


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

    rows = diagnose()
    colours = {"ok": "green", "note": "yellow", "missing": "red"}
    grid = Table(title="tinyft doctor", show_lines=False)
    for title in ("what", "state", "found", "the command that adds it"):
        grid.add_column(title, overflow="fold")
    for name, value, state, remedy in rows:
        mark = f"[{colours[state]}]{state}[/]"
        grid.add_row(name, mark, escape(str(value)), escape(remedy))
    Console().print(grid)
    return can_run(rows), backend.gpu_status()[0]
