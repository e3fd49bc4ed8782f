"""A device on the CPU: arrays that compute with NumPy and refuse what CuPy refuses.

`library` stands in for the module `cupy`. It has only the names and keywords that
CuPy 14.2 has (cupy_api.json, recorded from its signatures), refuses to mix host and device
arrays, keeps 0-d results as device arrays, wraps indices out of range, and counts

    counts["sync"]   copies to the host, each of which waits for the device
    counts["h2d"]    arrays sent to the device
    counts["table"]  small copies to the device that CuPy makes itself, without waiting
    counts["launch"] functions called (not kernels: a slice launches nothing, triu several)
    counts["fused"]  launches of tinyft's own kernels among them

Where g++ is installed, CUDA text given to RawModule is compiled for the CPU and run
(cpu_kernels.py); elsewhere tinyft's kernels are to be switched off.

What it refuses and what it lets through is compared with CuPy's own front end by
tests/conformance, where CuPy is installed; it says nothing of speed or of races.
"""

import collections
import contextlib
import ctypes as C
import json
import types
import weakref
from collections import Counter
from pathlib import Path

import cpu_kernels
import numpy as np

from tinyft.kernels import launch

API = json.loads((Path(__file__).parent / "cupy_api.json").read_text())
SIMPLE = {int, float, bool, str, type(None)}
ATTRIBUTES = frozenset(API["ndarray.*"])
counts = Counter()

# Functions that copy a size or a check back to the host inside CuPy, and how often.
SYNCING = {"nonzero": 1, "argwhere": 1, "flatnonzero": 1, "unique": 1, "bincount": 2}
SYNCING |= {"argpartition": 2, "tril_indices": 2, "triu_indices": 2, "average": 1}
SYNCING |= {"unravel_index": 2, "lstsq": 1, "pinv": 1}
REDUCES = {"add", "multiply"}  # the ufuncs whose .reduce and .accumulate exist
AT = {"add", "maximum", "minimum"}  # the ufuncs whose .at exists for floats
ABSENT = {"where", "initial", "subok", "like", "device"}  # keywords of no method
MANY = 8  # more arrays than this are joined by one kernel that reads a table of them
used = set()  # names of the functions called


def sync(times=1):
    counts["sync"] += times


@contextlib.contextmanager
def expect(syncs, transfers=0):
    """Fail if the block synchronises or sends arrays more or less often than said."""
    before = counts["sync"], counts["h2d"]
    yield
    seen = counts["sync"] - before[0], counts["h2d"] - before[1]
    assert seen == (syncs, transfers), f"(syncs, transfers) = {seen}"


def host_of(x):
    """The NumPy array inside a device argument; host arrays are refused as CuPy does."""
    if type(x) in SIMPLE:  # most calls end here
        return x
    if isinstance(x, ndarray):
        return x._a
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, (list, tuple)):
        return type(x)(map(host_of, x))
    return x


def wrap(result):
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray._of(np.asarray(result))
    if isinstance(result, (tuple, list)):  # a named tuple of linalg as a plain one
        return (list if isinstance(result, list) else tuple)(map(wrap, result))
    return result


def checked_dtype(dtype):
    if np.dtype(dtype).kind not in "biufc":
        raise ValueError(f"Unsupported dtype {np.dtype(dtype)}")


class Device:
    """What `array.device` and `cuda.Device(i)` are."""

    def __init__(self, id=0):
        self.id = id

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


owners = weakref.WeakValueDictionary()  # id of a NumPy array: the first ndarray on it


class ndarray:
    """A device array. Everything it can do goes through `library`, and is counted."""

    __slots__ = ("__weakref__", "_a", "base")
    __array_priority__ = 100
    __hash__ = None
    device = Device(0)
    shape = property(lambda self: self._a.shape)  # asked most: not by __getattr__
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)

    @classmethod
    def _of(cls, a):
        checked_dtype(a.dtype)
        if a.nbytes > Pool.limit:
            raise OutOfMemoryError(f"Out of memory allocating {a.nbytes:,} bytes")
        self = object.__new__(cls)
        self._a = a
        memory = id(a if a.base is None else a.base)
        self.base = owners.get(memory)  # of a view: what it looks into, as in CuPy
        if self.base is None:
            owners[memory] = self
        return self

    def __array__(self, *args, **options):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *args, **options):
        function = getattr(library, ufunc.__name__)
        if method != "__call__":
            function = getattr(function, method)
        return function(*args, **options)

    def __array_function__(self, function, kinds, args, options):
        return getattr(library, function.__name__)(*args, **options)

    def get(self, stream=None, order="C", out=None, blocking=True):
        sync(blocking and self._a.size > 0)
        if out is None:
            return self._a.copy()
        out[...] = self._a
        return out

    def set(self, array, stream=None):
        counts["h2d"] += 1
        self._a[...] = array

    def tobytes(self, order="C"):
        sync()
        return self._a.tobytes(order)

    def item(self):
        sync()
        return self._a.item()

    def tolist(self):
        sync()
        return self._a.tolist()

    def __repr__(self):
        sync()
        return repr(self._a)

    def __format__(self, form):
        sync()
        return format(self._a.item() if form else self._a, form)

    def __bool__(self):
        sync()
        return bool(self._a)

    def _scalar(self, kind):
        if self._a.ndim:
            raise TypeError("only 0-dimensional arrays can be converted to scalars")
        sync()
        return kind(self._a)

    def __float__(self):
        return self._scalar(float)

    def __int__(self):
        return self._scalar(int)

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (self[i] for i in range(len(self._a)))

    def __getitem__(self, index):
        return ndarray._of(np.asarray(self._a[wrapped_index(index, self._a.shape)]))

    def __setitem__(self, index, values):
        if isinstance(values, np.ndarray) and values.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        counts["launch"] += 1
        self._a[wrapped_index(index, self._a.shape)] = host_of(values)

    def __getattr__(self, name):
        if name.startswith("__") or name not in ATTRIBUTES:
            raise AttributeError(f"'ndarray' object has no attribute {name!r}")
        value = getattr(self._a, name)
        if not callable(value):
            return wrap(value) if isinstance(value, np.ndarray) else value

        def method(*args, **options):
            if ABSENT & set(options):
                raise TypeError(f"{name}() got an unexpected keyword argument")
            counts["launch"] += 1
            options = {k: host_of(v) for k, v in options.items()}
            return wrap(value(*map(host_of, args), **options))

        return method


def wrapped_index(index, shape):
    """Index arrays modulo the axis length, as CuPy gathers; masks cost a copy back."""
    keys, plain, axis = index if isinstance(index, tuple) else (index,), [], 0
    used = sum(k is not None and k is not Ellipsis for k in keys)
    for key in keys:
        if isinstance(key, (list, np.ndarray)):
            counts["h2d"] += 1
            key = np.asarray(key)
        key = key._a if isinstance(key, ndarray) else key
        if key is Ellipsis:
            axis += len(shape) - used
        elif isinstance(key, np.ndarray) and key.dtype == bool:
            sync()
            axis += key.ndim
        elif key is not None:
            if isinstance(key, np.ndarray):
                key = np.mod(key, max(shape[axis], 1))
            axis += 1
        plain.append(key)
    return tuple(plain)


def _operators():
    names = {"add": "add", "sub": "subtract", "mul": "multiply", "matmul": "matmul"}
    names |= {"truediv": "true_divide", "floordiv": "floor_divide", "mod": "remainder"}
    names |= {"pow": "power", "and": "bitwise_and", "or": "bitwise_or"}
    compared = {"lt": "less", "le": "less_equal", "gt": "greater", "eq": "equal"}
    compared |= {"ge": "greater_equal", "ne": "not_equal"}
    for name, function in (names | compared).items():
        _operator(name, function, reflected=name in names)
    del ndarray.__imatmul__  # CuPy has none
    ndarray.__neg__ = lambda self: library.negative(self)
    ndarray.__abs__ = lambda self: library.absolute(self)
    ndarray.__invert__ = lambda self: library.invert(self)
    ndarray.__divmod__ = lambda self, other: (self // other, self % other)


def _operator(name, function, reflected):
    def forward(self, other):
        return getattr(library, function)(self, other)

    def backward(self, other):
        return getattr(library, function)(other, self)

    def in_place(self, other):
        result = host_of(forward(self, other))
        self._a[...] = result.astype(self._a.dtype, casting="same_kind")
        return self

    setattr(ndarray, f"__{name}__", forward)
    if reflected:
        setattr(ndarray, f"__r{name}__", backward)
        setattr(ndarray, f"__i{name}__", in_place)


class Ufunc:
    """A ufunc without `where=`, with the methods that CuPy's have."""

    def __init__(self, name):
        self.name, self.function = name, getattr(np, name)

    def __call__(self, *args, out=None, dtype=None, casting="same_kind", **more):
        if more:
            raise TypeError(f"Wrong arguments {more}")
        if out is not None and not isinstance(out, ndarray):
            raise TypeError(f"Unsupported type {type(out)}")
        counts["launch"] += 1
        used.add(self.name)
        options = {"dtype": dtype, "casting": casting}
        result = self.function(*map(host_of, args), out=host_of(out), **options)
        return wrap(result) if out is None else out

    def at(self, target, index, values=None):
        if self.name not in AT:
            kind = TypeError if self.name == "subtract" else NotImplementedError
            raise kind(f"{self.name}.at is not supported yet")
        used.add(self.name + ".at")
        counts["launch"] += 1
        self.function.at(
            target._a, wrapped_index(index, target._a.shape), host_of(values)
        )

    def reduce(self, a, axis=0, dtype=None, out=None, keepdims=False):
        self._check("reduce", REDUCES)
        return wrap(self.function.reduce(host_of(a), axis, dtype, None, keepdims))

    def accumulate(self, a, axis=0, dtype=None):
        self._check("accumulate", REDUCES)
        return wrap(self.function.accumulate(host_of(a), axis, dtype))

    def reduceat(self, a, indices, axis=0, dtype=None):
        self._check("reduceat", {"add"})
        return wrap(self.function.reduceat(host_of(a), host_of(indices), axis, dtype))

    def outer(self, a, b):
        return wrap(self.function.outer(host_of(a), host_of(b)))

    def _check(self, method, names):
        if self.name not in names:
            raise NotImplementedError(f"{self.name}.{method} is not supported yet")


class Namespace:
    """`cupy` and its sub-modules: recorded names only, recorded keywords only."""

    def __init__(self, prefix=""):
        self._prefix = prefix

    def __getattr__(self, name):
        full = self._prefix + name
        if full in ("linalg", "fft", "lib", "lib.stride_tricks"):
            value = Namespace(full + ".")
        elif full not in API:
            raise AttributeError(f"module 'cupy' has no attribute {full!r}")
        else:
            value = np
            for part in full.split("."):
                value = getattr(value, part)
            if isinstance(value, np.ufunc) and name != "matmul":
                value = Ufunc(name)
            elif callable(value) and not isinstance(value, type):
                value = guarded(name, value, API[full])
        self.__dict__[name] = value
        return value


def guarded(name, function, keywords):
    def call(*args, **options):
        unknown = [k for k in options if keywords and k not in keywords]
        if (unknown and "kwargs" not in keywords) or (name, *options) == REFUSED:
            raise TypeError(f"{name}() got an unexpected keyword argument {unknown}")
        used.add(name)
        counts["launch"] += 1
        count(name, args, options)
        options = {k: host_of(v) for k, v in options.items()}
        if name == "take":
            options["mode"] = "wrap"
        try:
            result = function(*map(host_of, args), **options)
        except np.linalg.LinAlgError:  # CuPy does not look at cuSOLVER's status
            result = np.full_like(host_of(args[-1]), np.nan)
        return ndarray._of(np.asarray(result)) if name in CHECKS else wrap(result)

    return call


REFUSED = ("einsum", "out")
CHECKS = ("allclose", "array_equal")  # their answers are 0-d device arrays


def count(name, args, options):
    """What a call copies or waits for inside CuPy."""
    sync(SYNCING.get(name, 0) + (name == "where" and len(args) == 1))
    if name == "unique":
        wants = any(options.get(k) for k in ("return_inverse", "return_index"))
        sync(8 if options.get("axis") is not None else wants)
    elif name in ("repeat", "split") and isinstance(args[1], ndarray):
        if name == "split":
            raise TypeError("split(): indices on the device")
        sync(2)
    elif name == "arange":
        sync(sum(isinstance(x, ndarray) for x in args))
    elif name == "sliding_window_view":
        sync(len(np.atleast_1d(options.get("axis", 0))))
    elif name in ("concatenate", "stack") and len(args[0]) > MANY:
        arrays = [x._a for x in args[0]]
        plain = all(x.flags.c_contiguous for x in arrays)
        same = plain and len({x.shape for x in arrays}) == 1
        counts["table"] += 1 if same else 3


def asarray(values, dtype=None, copy=None):
    if isinstance(values, ndarray):
        return ndarray._of(np.array(values._a, dtype=dtype, copy=copy))
    if isinstance(values, (list, tuple)) and any(
        isinstance(v, ndarray) for v in values
    ):
        return library.stack([asarray(v) for v in values])
    array = np.array(values, dtype=dtype)
    counts["h2d"] += array.ndim > 0  # 0-d values travel as kernel arguments
    return ndarray._of(array)


def asnumpy(values, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(values, ndarray):
        return values.get(stream, order, out, blocking)
    return np.asarray(values)


class RawModule:
    """CUDA text whose kernels run on the CPU. CuPy passes whatever it is given; here an
    argument must be what the kernel declares, and arrays must lie in C order."""

    def __init__(self, code=None, *, options=()):
        if not isinstance(options, tuple):
            raise TypeError("Argument 'options' has incorrect type (expected tuple)")
        self.kernels = cpu_kernels.Kernels(code, options)
        (real,) = (o.removeprefix("-DREAL=") for o in options)
        of_text = {"float": "f4", "double": "f8"}
        self.dtypes = {"T": np.dtype(of_text[real]), "Int": np.dtype("i8")}

    def get_function(self, name):
        kinds = self.kernels.signatures[name]

        def launch(grid, block, args, *, shared_mem=0):
            if not all(type(x) is tuple for x in (grid, block, args)):
                raise TypeError("grid, block and args must be tuples")
            counts["launch"] += 1
            counts["fused"] += 1
            launched.append(name)
            values = [self.passed(a, kind) for a, kind in zip(args, kinds, strict=True)]
            pointers = [C.cast(C.pointer(v), C.c_void_p) for v in values]
            array = (C.c_void_p * len(values))(*pointers)
            self.kernels.launch(name, grid, block, array)

        return launch

    def passed(self, value, kind):
        """The C value of an argument: a pointer, 64-bit integer or double."""
        plain = {"Int": (int, C.c_longlong), "double": (float, C.c_double)}
        if kind in plain:
            python, c = plain[kind]
            if type(value) is not python:
                raise TypeError(f"{kind} is declared, {type(value)} was passed")
            return c(value)
        if value is None:
            return C.c_void_p()
        a = host_of(value)
        dtype = self.dtypes[kind.removeprefix("const ").removesuffix(" *")]
        if a.dtype != dtype or not a.flags.c_contiguous:
            raise TypeError(
                f"{kind} in C order is declared, {a.dtype} {a.strides} came"
            )
        return C.c_void_p(a.ctypes.data)


launched = collections.deque(maxlen=1000)  # names of tinyft's kernels, the newest last


class OutOfMemoryError(MemoryError):
    """As cupy.cuda.memory.OutOfMemoryError."""


class Pool:
    """A memory pool with figures; `limit` is the largest array that finds room."""

    limit = 1 << 40

    def used_bytes(self):
        return 1024

    def total_bytes(self):
        return 4096

    def free_all_blocks(self):
        counts["freed"] += 1


library = Namespace()
_stream = types.SimpleNamespace(synchronize=lambda: sync())
runtime = types.SimpleNamespace(
    getDeviceCount=lambda: 1,
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 12090,
    memGetInfo=lambda: (3 * 10**9, 4 * 10**9),
    getDeviceProperties=lambda i: {"name": b"stand-in", "major": 9, "minor": 0},
)
library.__dict__.update(
    __name__="cupy",
    ndarray=ndarray,
    asarray=asarray,
    array=lambda values, dtype=None, copy=True: asarray(values, dtype, copy),
    asnumpy=asnumpy,
    RawModule=RawModule,
    __version__="14.2.0",
    cuda=types.SimpleNamespace(
        Device=Device, get_current_stream=lambda: _stream, runtime=runtime
    ),
    get_default_memory_pool=Pool,
    get_default_pinned_memory_pool=Pool,
)
_operators()
if cpu_kernels.compiler() is None:  # as on a card whose compiler fails: the generic way
    launch._modules |= {(library, dtype): None for dtype in launch.TYPES}
extra = types.SimpleNamespace(  # the module `cupyx`
    scatter_add=lambda target, index, values: library.add.at(target, index, values),
    scatter_max=lambda target, index, values: library.maximum.at(target, index, values),
    scatter_min=lambda target, index, values: library.minimum.at(target, index, values),
)
