"""CuPy's own front end without a card: its calls into CUDA go to host memory, or nowhere.

CuPy's compiled modules reach CUDA through C functions that `cupy_backends.cuda.api.runtime`
and `.driver` (and libs.cublas) publish in their `__pyx_capi__` tables. Before `cupy` is
imported, `install()` exchanges those capsules: "device memory" becomes host memory, copies
become host copies, kernels and matrix products are counted and not run. So the checks of
arguments, shapes and dtypes, missing keywords, refusals, and the number of launches, copies
and synchronisations are CuPy's own. VALUES ARE GARBAGE: never check numbers with it, but
for kernels that `runs[0]` takes over (record.py gives it tinyft's own).

`sources` collects the text and the options of every kernel that CuPy would compile.

This is private API: it is made for CuPy 14.2.0, and for a process of its own.
"""

import ctypes as C
import functools
import glob
import os
import re
import subprocess
import sys
import tempfile
import types
from collections import Counter

VERSION = "14.2.0"
HERE = os.path.dirname(os.path.abspath(__file__))
counts = Counter()  # h2d d2h d2d sync launch gemm malloc, and the names of other calls
sources = {}  # (CUDA text, options): None, in the order of their coming
runs = [None]  # f((text, options), kernel, grid, block, arguments) after each launch
products = [None]  # f(name, arguments ...) after each call of cuBLAS
_memory, _device, _functions = {}, [0], {}
_texts, _latest = {}, [None]  # module handle: (text, options)
_TYPES = {
    "int": C.c_int,
    "unsigned int": C.c_uint,
    "intptr_t": C.c_ssize_t,
    "size_t": C.c_size_t,
    "PyObject *": C.py_object,
    "uintmax_t": C.c_uint64,
    "float": C.c_float,
    "CUdevice": C.c_int,
    "cudaMemcpyKind": C.c_int,
    "double": C.c_double,
    "void": None,
    "void *": C.c_void_p,
}
_new_capsule = C.pythonapi.PyCapsule_New
_new_capsule.restype = C.py_object
_new_capsule.argtypes = [C.c_void_p, C.c_char_p, C.c_void_p]
_signature = C.pythonapi.PyCapsule_GetName
_signature.restype, _signature.argtypes = C.c_char_p, [C.py_object]
CREATES = ("Create", "CreateWithFlags", "moduleLoadData", "moduleLoad", "create")
FLAG = " __pyx_skip_dispatch"  # Cython's extra argument of cpdef functions


def _malloc(size, *_):
    counts["malloc"] += 1
    buffer = C.create_string_buffer(max(int(size), 1) + 512)
    pointer = (C.addressof(buffer) + 511) & ~511  # CUDA's alignment
    _memory[pointer] = buffer
    return pointer


def _memcpy(target, source, size, kind, *_):
    counts[{1: "h2d", 2: "d2h", 3: "d2d"}.get(kind, "copy")] += 1
    if size:
        C.memmove(target, source, size)


def _counter(name):
    def count(*_):
        counts[name] += 1

    return count


def _load_module(*_):
    handle = 0x1000 + len(_texts)
    _texts[handle] = _latest[0]
    return handle


def _get_function(module, name, *_):
    handle = 0x1000 + len(_functions)
    _functions[handle] = _texts[module], name
    return handle


def _launch(function, gx, gy, gz, bx, by, bz, shared, stream, arguments, *_):
    counts["launch"] += 1
    if runs[0] is not None:
        runs[0](*_functions[function], (gx, gy, gz), (bx, by, bz), arguments)


def _multiply(name, *arguments):
    counts["gemm"] += 1
    if products[0] is not None:
        products[0](name, *arguments)


def _solved(*arguments):
    """getrsBatched: its `int *info` lies on the host, and CuPy reads it."""
    C.c_int.from_address(arguments[9]).value = 0


def _attribute(attribute, device=0, *_):
    """Those of an sm_90 card that CuPy asks for (CUDA's enum numbers)."""
    known = {75: 9, 76: 0, 1: 1024, 2: 1024, 3: 1024, 4: 64, 5: 2**31 - 1, 6: 65535}
    known |= {7: 65535, 8: 49152, 10: 32, 16: 132, 39: 2048, 97: 232448, 81: 233472}
    return known.get(attribute, 0 if attribute == 115 else 1)


def _free(pointer, *_):
    _memory.pop(pointer, None)


def _set_device(device, *_):
    _device[0] = device


_wait = _counter("sync")
_properties = dict(
    name=b"null",
    major=9,
    minor=0,
    warpSize=32,
    multiProcessorCount=132,
    totalGlobalMem=8 << 30,
)
RUNTIME = {
    **dict.fromkeys(["malloc", "mallocAsync", "mallocManaged", "hostAlloc"], _malloc),
    **dict.fromkeys(["free", "freeHost", "freeAsync"], _free),
    **dict.fromkeys(["memcpy", "memcpyAsync"], _memcpy),
    "memset": lambda p, value, size, *_: C.memset(p, value, size) and None,
    "memsetAsync": lambda p, value, size, *_: C.memset(p, value, size) and None,
    **dict.fromkeys(
        ["deviceSynchronize", "streamSynchronize", "eventSynchronize"], _wait
    ),
    "getDevice": lambda *_: _device[0],
    "setDevice": _set_device,
    "getDeviceCount": lambda *_: 1,
    "deviceGetAttribute": _attribute,
    "driverGetVersion": lambda *_: 13000,
    "runtimeGetVersion": lambda *_: 12090,
    "_getCUDAMajorVersion": lambda *_: 12,
    "memGetInfo": lambda *_: (8 << 30, 8 << 30),
    "streamIsCapturing": lambda *_: 0,
    "deviceCanAccessPeer": lambda *_: 1,
    "getDeviceProperties": lambda *_: _properties,
    "eventElapsedTime": lambda *_: 1.0,
}
DRIVER = {
    "moduleLoadData": _load_module,
    "moduleGetFunction": _get_function,
    "launchKernel": _launch,
    "launchCooperativeKernel": _launch,
    "occupancyMaxActiveBlocksPerMultiprocessor": lambda *_: 8,
    "occupancyMaxPotentialBlockSize": lambda *_: (132, 256),
    "funcGetAttribute": lambda *_: 1024,
}
_handles = iter(range(1, 10**9))


def _nothing(name, prefix, returns_object):
    """A call that does nothing but count itself, and returns what means success."""
    if name.startswith(("check_status", "_ensure")):
        result = None if returns_object else 0
    else:
        result = None if returns_object else 1

    def call(*_):
        counts[f"{prefix}.{name}"] += 1
        return next(_handles) if result == 1 and name.endswith(CREATES) else result

    return call


def _exchange(module, ours, prefix):
    for name, capsule in list(module.__pyx_capi__.items()):
        text = _signature(capsule)
        match = re.match(r"^(.*?)\s*\((.*)\)$", text.decode())
        if not match or match.group(1).strip() not in _TYPES:
            continue  # a variable, or it returns a struct
        result = match.group(1).strip()
        args = [a.strip() for a in match.group(2).split(",")]
        args = [a.removesuffix(FLAG) for a in args if a not in ("void", "")]
        call = ours.get(name) or _nothing(name, prefix, result == "PyObject *")
        kinds = [_TYPES.get(a, C.c_void_p) for a in args]
        pointer = C.PYFUNCTYPE(_TYPES[result], *kinds)(call)
        address = C.cast(pointer, C.c_void_p).value
        module.__pyx_capi__[name] = _new_capsule(address, text, None)
        _immortal(pointer, text, capsule)
        if hasattr(module, name):
            setattr(module, name, call)


def _immortal(*objects):
    """Device memory and modules are freed through these functions when the interpreter
    ends, after this module: were they gone by then, it would crash."""
    for one in objects:
        C.pythonapi.Py_IncRef(C.py_object(one))


def _stub_libraries():
    """{name: handle} of empty libcublas, libcurand, ... where the real ones are absent."""
    import cupy_backends

    root = os.path.dirname(cupy_backends.__file__)
    folder, stubs = tempfile.mkdtemp(prefix="null-device-"), {}
    for library in ("cublas", "curand", "cusolver", "cusparse", "cufft"):
        found = glob.glob(os.path.join(root, "cuda", "libs", f"{library}.*.so"))
        cupy = os.path.join(os.path.dirname(root), "cupy", "cuda")
        found = found or glob.glob(os.path.join(cupy, f"{library}.*.so"))
        needed = re.search(
            rf"(lib{library}\.so\.\d+) => (\S+)", _output("ldd", found[0])
        )
        if needed and needed.group(2) == "not":
            stubs[library] = _stub(folder, needed.group(1), found[0])
    return stubs


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _stub(folder, soname, user):
    """Build and load a library in which every function that `user` wants returns 0."""
    path = os.path.join(folder, soname)
    wanted = re.findall(r" U (cu\w+)(?:@(\S+))?", _output("nm", "-D", user))
    with open(path + ".c", "w") as f:
        f.writelines(_stub_function(name) for name, _ in wanted)
    with open(path + ".map", "w") as f:
        f.write(f"{soname} {{ global: cu*; }};\n")
    command = ["gcc", "-shared", "-fPIC", "-w", "-o", path, path + ".c"]
    command.append(f"-Wl,-soname,{soname}")
    if any(version for _, version in wanted):
        command.append(f"-Wl,--version-script={path}.map")
    subprocess.run(command, check=True)
    return C.CDLL(path, mode=C.RTLD_GLOBAL)


# Which argument of cuSOLVER's ..._bufferSize functions is `int *lwork`, from 1.
LWORK = {"gesvd": 4, "geqrf": 6, "getrf": 6, "potrf": 6, "gqr": 8, "evd": 8}
LWORK |= {"gesvdj": 13}


def _stub_function(name):
    """C text of a function that returns 0; workspaces have one number."""
    found = re.search(r"Dn[SDCZ]\w*?(\w+)_bufferSize$", name)
    for ending, position in LWORK.items():
        if found and found.group(1).endswith(ending):
            head = ", ".join(f"void *a{i}" for i in range(1, position + 1))
            return f"int {name}({head}){{*(int *)a{position} = 1; return 0;}}\n"
    return f"int {name}(void){{return 0;}}\n"


def _find_stubs(stubs):
    """Let CuPy's search for libraries end at the stubs."""
    import cuda.pathfinder as pathfinder

    search = pathfinder.load_nvidia_dynamic_lib

    def lenient(name):
        try:
            return search(name)
        except Exception:
            stub = stubs.get(name)
            return stub and types.SimpleNamespace(
                _handle_uint=stub._handle, abs_path=stub._name
            )

    pathfinder.load_nvidia_dynamic_lib = lenient


def _no_compiler(cupy):
    def compiled(source, options=(), **more):
        counts["compile"] += 1
        _latest[0] = source, options
        sources[source, options] = None
        module = cupy.cuda.function.Module()
        module.load(b"null")
        return module

    for name in ("_compile_module_with_cache", "_compile_with_cache_cuda"):
        if hasattr(cupy.cuda.compiler, name):
            setattr(cupy.cuda.compiler, name, compiled)


def install():
    """Return `cupy` on the null device; call it before anything imports cupy."""
    if "cupy" in sys.modules:
        raise RuntimeError("install() must run before the first import of cupy")
    os.environ["CUPY_ACCELERATORS"] = ""  # no CUB: reductions are ordinary kernels
    import cupy_backends.cuda.api.driver as driver
    import cupy_backends.cuda.api.runtime as runtime

    _exchange(runtime, RUNTIME, "runtime")
    _exchange(driver, DRIVER, "driver")
    _find_stubs(_stub_libraries())
    import cupy_backends.cuda.libs.cublas as cublas

    names = [n for n in cublas.__pyx_capi__ if re.search("gemm|gemv|ger$|dot$", n)]
    calls = {name: functools.partial(_multiply, name) for name in names}
    solvers = [n for n in cublas.__pyx_capi__ if n.endswith("getrsBatched")]
    calls |= dict.fromkeys(solvers, _solved)
    _exchange(cublas, calls, "cublas")
    import cupy

    for name in ("sort", "argsort", "lexsort"):  # these carry a CUDA runtime inside
        setattr(cupy.cuda.thrust, name, _counter("launch"))
    _no_compiler(cupy)
    return cupy
