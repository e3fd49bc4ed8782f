"""What may pass between an answer and its judge: plain data, and nothing that runs.

    message = lengths (8 bytes)  +  a tree in JSON  +  the bytes of the arrays

`unpack(pack(x))` is x for exact None, bool, int, float, complex, str, tuple, list, dict
with strings as keys, and NumPy arrays and scalars of numbers.  `unpack` is total: from
any bytes it makes such data itself or raises Refused.  Nothing is ever unpickled.
"""

import json
import struct

import numpy as np

DTYPES = "|b1 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8 <f2 <f4 <f8 <c8 <c16".split()
ARRAYS, TEXT = 8 << 20, 4 << 20  # bytes of all arrays, of the tree
DEPTH, PARTS, RANK = 12, 200_000, 8
LENGTHS = struct.Struct("<II")


class Refused(ValueError):
    """A value that may not pass, or bytes that are not a message; says which."""


def pack(value):
    """The message of a value, as bytes; Refused names what may not pass."""
    writing = _Writing()
    tree = json.dumps(writing.down(value, 0), allow_nan=False).encode()
    body = b"".join(writing.arrays)
    if len(tree) > TEXT or len(body) > ARRAYS:
        raise Refused(f"more than {ARRAYS >> 20} MiB")
    return LENGTHS.pack(len(tree), len(body)) + tree + body


class _Writing:
    """Makes the tree of a value; the bytes of its arrays are kept for the end."""

    def __init__(self):
        self.arrays, self.parts = [], 0

    def down(self, x, depth):
        """The tree of one value."""
        kind, self.parts = type(x), self.parts + 1
        if depth > DEPTH or self.parts > PARTS:
            raise Refused(f"more than {DEPTH} levels or {PARTS} parts")
        if x is None or kind is bool:
            return x
        if kind in _LEAVES:
            return _LEAVES[kind](x)
        if kind in (tuple, list):
            return [kind.__name__[0], [self.down(part, depth + 1) for part in x]]
        if kind is dict and all(type(key) is str for key in x):
            return ["d", [[key, self.down(x[key], depth + 1)] for key in x]]
        if kind is np.ndarray or isinstance(x, np.generic):
            return self._array(x)
        raise Refused(_foreign(x))

    def _array(self, x):
        array = np.asarray(x)
        dtype = array.dtype.newbyteorder("<").str
        if dtype not in DTYPES:
            raise Refused(f"an array of {array.dtype}")
        if array.nbytes > ARRAYS:
            raise Refused(f"an array of {array.nbytes >> 20} MiB")
        self.arrays.append(array.astype(dtype).tobytes())
        return ["a" if type(x) is np.ndarray else "n", dtype, list(array.shape)]


def _integer(x):
    if abs(x) >= 1 << 63:
        raise Refused("an integer of more than 64 bits")
    return ["i", x]


_LEAVES = {
    int: _integer,
    float: lambda x: ["f", x.hex()],
    complex: lambda x: ["c", x.real.hex(), x.imag.hex()],
    str: lambda x: ["s", x],
}


def _foreign(x):
    """What a value that may not pass is, with its article."""
    name = type(x).__name__
    if type(x) is dict:
        return "a dict whose keys are not all strings"
    article = "an" if name[:1].lower() in "aeiou" else "a"
    base = next((b.__name__ for b in type(x).__mro__[1:-1]), "")
    return f"{article} {name}" + (f" (a kind of {base})" if base else "")


def unpack(message):
    """The value of a message; Refused when the bytes are not one."""
    try:
        size, rest = LENGTHS.unpack_from(message)
        tree, body = message[LENGTHS.size :][:size], message[LENGTHS.size + size :]
        if len(body) != rest:
            raise Refused("a message cut short")
        reading = _Reading(memoryview(body))
        value = reading.up(json.loads(bytes(tree), parse_constant=_number), 0)
    except Refused:
        raise
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise Refused(f"no message ({type(error).__name__})") from None
    except (RecursionError, OverflowError, MemoryError) as error:
        raise Refused(f"no message ({type(error).__name__})") from None
    if reading.used != len(body):
        raise Refused("a message with bytes left over")
    return value


def _number(text):
    raise Refused(f"the JSON constant {text}")


class _Reading:
    """Makes the value of a tree, and counts what it has used."""

    def __init__(self, body):
        self.body, self.used, self.parts = body, 0, 0

    def up(self, x, depth):
        """The value of one node of the tree."""
        self.parts += 1
        if depth > DEPTH or self.parts > PARTS:
            raise Refused("something nested too deeply, or with too many parts")
        if x is None or x is True or x is False:
            return x
        tag, first, *more = x
        make = getattr(self, f"_{tag}") if tag in list("ifcstldan") else None
        if type(x) is not list or make is None:
            raise Refused("an unknown tag")
        return make(first, *more, depth=depth)

    def _i(self, x, depth):
        return _exact(x, int) if abs(_exact(x, int)) < 1 << 63 else _number("int")

    def _f(self, x, depth):
        return float.fromhex(_exact(x, str))

    def _c(self, x, y, depth):
        return complex(self._f(x, depth), self._f(y, depth))

    def _s(self, x, depth):
        return _exact(x, str)

    def _t(self, x, depth):
        return tuple(self._l(x, depth))

    def _l(self, x, depth):
        return [self.up(part, depth + 1) for part in _exact(x, list)]

    def _d(self, x, depth):
        rows = [(_exact(key, str), self.up(part, depth + 1)) for key, part in x]
        if len(dict(rows)) != len(rows):
            raise Refused("a key given twice")
        return dict(rows)

    def _a(self, dtype, shape, depth):
        if dtype not in DTYPES or len(_exact(shape, list)) > RANK:
            raise Refused("an unknown dtype or rank")
        count = np.dtype(dtype).itemsize
        for n in shape:
            if not 0 <= _exact(n, int) <= ARRAYS:
                raise Refused("a length out of range")
            count *= n
        data = self.body[self.used : self.used + count]
        if len(data) != count:
            raise Refused("an array cut short")
        self.used += count
        if dtype == "|b1":  # a byte of 7 is not a bool
            return np.frombuffer(data, "u1").reshape(shape) != 0
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def _n(self, dtype, shape, depth):
        if shape != []:
            raise Refused("a scalar with a shape")
        return self._a(dtype, shape, depth)[()]


def _exact(x, kind):
    if type(x) is not kind:
        raise Refused(f"{type(x).__name__} where {kind.__name__} belongs")
    return x
