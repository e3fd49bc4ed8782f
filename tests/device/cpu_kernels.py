"""CUDA kernels on the CPU: g++ compiles their source behind cuda_shim.hpp, ctypes runs it.

`Kernels(source, options)` has a method `launch(name, grid, block, pointers)`; `pointers`
is an array of the addresses of the arguments, as the CUDA driver takes them. The library
is built once for each source and kept in build/ (or a temporary folder) under its hash.
"""

import ctypes as C
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KERNEL = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\)')
COMPILER = "g++"
WARNINGS = "-Wall -Wextra -Werror -Wno-unused-function".split()
CHECKS = (
    "-fsanitize=undefined -fno-sanitize-recover".split()
)  # a fault ends the process
FLAGS = "-O1 -U_FORTIFY_SOURCE -std=c++17 -shared -fPIC".split() + WARNINGS + CHECKS


def compiler():
    """The path of g++, or None: then there are no kernels on the CPU."""
    return shutil.which(COMPILER)


def signatures(source):
    """{kernel: [the type of each parameter]} of CUDA text."""
    found = {}
    for name, text in KERNEL.findall(source):
        parameters = re.split(r",(?![^<]*>)", text)  # a comma in <...> divides nothing
        found[name] = [
            " ".join(re.sub(r"(\w+)\s*$", "", p).split()) for p in parameters
        ]
    return found


def bodies(source):
    """{kernel: its text up to the next kernel}."""
    starts = [(m.group(1), m.start()) for m in KERNEL.finditer(source)]
    ends = [start for _, start in starts[1:]] + [len(source)]
    return {name: source[start:end] for (name, start), end in zip(starts, ends)}


def host_text(source):
    """The C++ text: the shim, the kernels, and a function to launch each."""
    lines, text = ['#include "cuda_shim.hpp"', source], bodies(source)
    for name, kinds in signatures(source).items():
        values = ", ".join(f"*({kind}*)a[{i}]" for i, kind in enumerate(kinds))
        waits = (
            "true" if re.search(r"block_reduce|__syncthreads", text[name]) else "false"
        )
        lines.append(
            f"static void call_{name}(void **a) {{ {name}({values}); }}\n"
            f'extern "C" void launch_{name}(void **a, unsigned gx, unsigned gy, '
            "unsigned bx, unsigned by, int backwards)\n"
            f"{{ shim::launch(call_{name}, {waits}, a, {{gx, gy, 1}}, {{bx, by, 1}}, "
            "backwards); }"
        )
    return "\n".join(lines)


@functools.cache
def folder():
    """Where built libraries are kept: build/ of the repository if it can be written."""
    place = HERE.parent.parent / "build"
    try:
        place.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tinyft-kernels-"))
    return place


@functools.cache
def library(source, options):
    """The loaded library of some CUDA text; raises with g++'s message."""
    text = host_text(source)
    flags = [*FLAGS, *options, f"-I{HERE}"]
    shim = (HERE / "cuda_shim.hpp").read_text()
    digest = hashlib.sha256("\0".join([text, shim, *flags]).encode()).hexdigest()[:16]
    path = folder() / f"kernels-{digest}.so"
    if not path.exists():
        build(text, flags, path)
    return C.CDLL(str(path))


def build(text, flags, path):
    with tempfile.TemporaryDirectory(dir=path.parent) as room:
        (Path(room) / "k.cpp").write_text(text)
        made = Path(room) / "k.so"
        command = [COMPILER, *flags, "-o", str(made), str(Path(room) / "k.cpp")]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            raise RuntimeError(f"{COMPILER} on the kernels:\n{ended.stderr[-3000:]}")
        os.replace(made, path)  # another process may have built the same one


class Kernels:
    """The compiled kernels of some CUDA text; `backwards` turns the threads' order."""

    backwards = False

    def __init__(self, source, options=()):
        self.library = library(source, tuple(options))
        self.signatures = signatures(source)

    def launch(self, name, grid, block, pointers):
        """Run a kernel; grid and block are tuples of up to three numbers, z is 1."""
        (gx, gy, gz), (bx, by, bz) = ((*d, 1, 1)[:3] for d in (grid, block))
        assert gz == bz == 1 and bx * by <= 1024
        sizes = map(C.c_uint, (gx, gy, bx, by))
        call = getattr(self.library, f"launch_{name}")
        call(pointers, *sizes, C.c_int(self.backwards))
