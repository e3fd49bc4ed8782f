"""A writer of GGUF files for the tests, from the format's description."""

import struct

import numpy as np

UINT32, INT32, FLOAT32, BOOL, TEXT, ARRAY = 4, 5, 6, 7, 8, 9
F32, Q4_1 = 0, 3


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(found):
    """Type and bytes of a field's value."""
    if isinstance(found, bool):
        return struct.pack("<I?", BOOL, found)
    if isinstance(found, int):
        return struct.pack("<II", UINT32, found)
    if isinstance(found, float):
        return struct.pack("<If", FLOAT32, found)
    if isinstance(found, str):
        return struct.pack("<I", TEXT) + text(found)
    if found and isinstance(found[0], str):
        body = b"".join(map(text, found))
        return struct.pack("<IIQ", ARRAY, TEXT, len(found)) + body
    return struct.pack("<IIQ", ARRAY, INT32, len(found)) + struct.pack(
        f"<{len(found)}i", *found
    )


def raw(fields, entries, data=b"", version=3, counts=None):
    """A file of parts: fields {name: value bytes}, entries [(name, dims, type, offset)]."""
    tensors, known = counts or (len(entries), len(fields))
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, known)
    for name, part in fields.items():
        head += text(name) + part
    for name, dims, kind, offset in entries:
        head += text(name) + struct.pack("<I", len(dims))
        head += b"".join(struct.pack("<Q", d) for d in dims)
        head += struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + data


def gguf_bytes(fields, arrays):
    """A whole file of float32 arrays."""
    entries, data = [], b""
    for name, array in arrays.items():
        entries.append((name, array.shape[::-1], F32, len(data)))
        part = np.ascontiguousarray(array, "<f4").tobytes()
        data += part + bytes(-len(part) % 32)
    return raw({n: value(v) for n, v in fields.items()}, entries, data)
