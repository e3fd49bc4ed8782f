"""CUDA's run-time compiler by ctypes, from its wheel: PTX or an error, and no card.

compile(source, options, "sm_90") returns the machine code; CompileError carries the
compiler's own log.
"""

import ctypes as C
import functools
import importlib.util
from pathlib import Path


class CompileError(Exception):
    """What the compiler said."""


def packages(name):
    """The folders of the namespace package nvidia.<name> that are installed."""
    try:
        spec = importlib.util.find_spec(f"nvidia.{name}")
    except ModuleNotFoundError:
        spec = None
    return list(spec.submodule_search_locations) if spec else []


def path():
    """The compiler's library, or None."""
    found = (Path(p) / "lib" / "libnvrtc.so.12" for p in packages("cuda_nvrtc"))
    return next((p for p in found if p.exists()), None)


def headers():
    """The folder of CUDA's headers (cuda_fp16.h, ...), or None."""
    found = (Path(p) / "include" for p in packages("cuda_runtime"))
    return next((p for p in found if (p / "cuda_fp16.h").exists()), None)


@functools.cache
def library():
    loaded = C.CDLL(str(path()))
    loaded.nvrtcGetErrorString.restype = C.c_char_p
    return loaded


def compile(source, options=(), card="sm_90"):
    """Machine code of CUDA text for a card's architecture."""
    lib, program = library(), C.c_void_p()
    text = source.encode()
    check(lib.nvrtcCreateProgram(C.byref(program), text, b"kernels.cu", 0, None, None))
    try:
        flags = [f"--gpu-architecture={card}", "--std=c++17", *options]
        flags = list(
            dict.fromkeys(
                f.replace("-std=", "--std=", 1) if f.startswith("-std=") else f
                for f in flags
            )
        )
        array = (C.c_char_p * len(flags))(*(f.encode() for f in flags))
        status = lib.nvrtcCompileProgram(program, len(flags), array)
        if status:
            raise CompileError(f"{card}: {_text(lib, program, 'ProgramLog')}")
        return _bytes(lib, program, "CUBIN")
    finally:
        lib.nvrtcDestroyProgram(C.byref(program))


def check(status):
    if status:
        raise CompileError(library().nvrtcGetErrorString(status).decode())


def _bytes(lib, program, what):
    size = C.c_size_t()
    check(getattr(lib, f"nvrtcGet{what}Size")(program, C.byref(size)))
    buffer = C.create_string_buffer(size.value)
    check(getattr(lib, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw


def _text(lib, program, what):
    return _bytes(lib, program, what).rstrip(b"\0").decode()
