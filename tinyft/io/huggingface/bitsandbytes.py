"""Weights that bitsandbytes has quantised to NF4: read from its files, and written so.

A layer's `weight` in a file has five or three companions:

    weight                       uint8 (⌈n/2⌉, 1), the first of two codes in the high bits
    weight.absmax                float32 (blocks,), or uint8 of double quantisation
    weight.nested_absmax         float32 (⌈blocks/256⌉,)     only of double quantisation
    weight.nested_quant_map      float32 (256,)              only of double quantisation
    weight.quant_map             float32 (16,), the code book
    weight.quant_state.bitsandbytes__nf4    JSON as uint8: quant_type, blocksize, shape,
                                 dtype, nested_blocksize, nested_dtype, nested_offset

The numbers are taken over as they are, so the dequantised weight is bitsandbytes' own in
float32. fp4, 8-bit weights and other code books are refused by name. Source:
bitsandbytes/functional.py, QuantState.as_dict(packed=True).
"""

import json

import numpy as np

from tinyft import backend
from tinyft.io.json_text import JSONError, parse_json
from tinyft.io.tensors import CheckpointError
from tinyft.quantise import CODES, Packed, dequantise, dynamic_levels
from tinyft.quantise.packed import NESTED, check_block

STATE = ".quant_state.bitsandbytes__"
NF4 = f"{STATE}nf4"
PARTS = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", NF4)
FIELDS = {"quant_type", "blocksize", "dtype", "shape"}
FIELDS |= {"nested_blocksize", "nested_dtype", "nested_offset"}
JSON_LIMIT = 2**16  # bytes; a state takes about 200


def read_nf4(state, name, where="read_nf4"):
    """The quantise.Packed of the layer whose weight is `name` in {name: array}.

    Scales in 8 bits stay so if their map is the usual one of 256 values; with another
    map or other blocks they are widened to float32, exactly. Raises CheckpointError for
    a missing part and for sizes or values that do not fit, ValueError for a quantisation
    that is not NF4.
    """
    what = f"{where}: {name}"
    fields, shape = _fields(what, state, name)
    parts = {p: _array(what, state, name + p) for p in PARTS[:2]}
    _check_map(what, parts[".quant_map"], CODES["nf4"].levels)
    codes, absmax = _array(what, state, name).reshape(-1), parts[".absmax"].reshape(-1)
    n, block = int(np.prod(shape)), fields["blocksize"]
    _check_size(what, "weight", codes, -(-n // 2), "uint8")
    nested = "nested_offset" in fields
    _check_size(
        what, "absmax", absmax, -(-n // block), "uint8" if nested else "float32"
    )
    form = Packed(codes, absmax, None, None, None, CODES["nf4"], block, shape)
    packed = _with_nested(what, state, name, form, fields) if nested else form
    if not all(np.isfinite(a).all() for a in packed.arrays.values()):
        raise CheckpointError(
            f"{what}: a scale is NaN or infinite; the file is damaged"
        )
    return packed


def packed_names(names, where):
    """Those of `names` that are weights in NF4; ValueError for another 4 or 8 bits."""
    found = []
    for name in names:
        weight, state, kind = name.partition(STATE)
        if (state and kind != "nf4") or name.endswith(".SCB"):
            what = kind if state else "8-bit"
            raise ValueError(
                f"{where}: {name} says that a weight is quantised as {what}, which is not "
                "supported; only NF4 is. Fetch the model in floats"
            )
        found += [weight] * bool(state)
    return found


def quantised_shape(state, name, where):
    """The shape of the matrix behind a weight in NF4, from its JSON alone."""
    return _fields(f"{where}: {name}", state, name)[1]


def companions(name):
    """The names that stand beside a weight in NF4."""
    return {name + part for part in PARTS}


def dense_state(state, where="dense_state"):
    """{name: array} with every weight in NF4 as a float32 matrix, the rest as it is."""
    packed = packed_names(state, where)
    gone = {part for name in packed for part in companions(name)}
    dense = {n: dequantise(read_nf4(state, n, where)) for n in packed}
    return {n: dense.get(n, a) for n, a in state.items() if n not in gone}


def write_nf4(packed, name, dtype="float32"):
    """{name: array} of a quantise.Packed in NF4, as bitsandbytes' files have it.

    dtype: the float type that the weight had before, which bitsandbytes gives it back.
    Raises ValueError for another code book.
    """
    if packed.code.name != "nf4":
        raise ValueError(
            f"write_nf4: {name} has the code book {packed.code.name!r}, and files of "
            "bitsandbytes hold 'nf4' only; quantise with code='nf4'"
        )
    host = {key: backend.asnumpy(array) for key, array in packed.arrays.items()}
    fields = {"quant_type": "nf4", "blocksize": packed.block, "dtype": dtype}
    fields["shape"] = list(packed.shape)
    out = {
        name: host["codes"].reshape(-1, 1),
        f"{name}.absmax": host["scale"],
        f"{name}.quant_map": np.asarray(packed.code.levels, "float32"),
    }
    if packed.nested is not None:
        out[f"{name}.nested_absmax"] = host["nested"]
        out[f"{name}.nested_quant_map"] = np.asarray(dynamic_levels(), "float32")
        fields |= {"nested_blocksize": NESTED, "nested_dtype": "float32"}
        fields["nested_offset"] = float(host["offset"][0])
    out[name + NF4] = np.frombuffer(json.dumps(fields).encode(), np.uint8).copy()
    return out


def _with_nested(what, state, name, form, fields):
    each, table = (_array(what, state, name + p).reshape(-1) for p in PARTS[2:4])
    size, offset = fields.get("nested_blocksize"), fields["nested_offset"]
    if type(size) is not int or size < 1 or type(offset) not in (int, float):
        raise CheckpointError(
            f"{what}: nested_blocksize={size!r} and nested_offset={offset!r} should be a "
            "positive integer and a number; the file is damaged"
        )
    offset = np.asarray([offset], "float32")
    _check_size(what, "nested_quant_map", table, 256, "float32")
    _check_size(what, "nested_absmax", each, -(-len(form.scale) // size), "float32")
    if size == NESTED and np.array_equal(
        table, np.asarray(dynamic_levels(), "float32")
    ):
        return form._replace(nested=each, offset=offset)
    wide = table[form.scale] * np.repeat(each, size)[: len(form.scale)] + offset
    return form._replace(scale=wide)


def _fields(what, state, name):
    """(JSON fields, shape) of a layer's quantisation state."""
    raw = _array(what, state, name + NF4)
    try:
        if raw.dtype != np.uint8 or raw.size > JSON_LIMIT:
            raise ValueError("it is not a short text")
        fields = parse_json(raw.tobytes().decode("utf-8"), name + NF4)
        shape, block = tuple(fields["shape"]), fields["blocksize"]
        if len(shape) != 2 or not all(type(s) is int and s > 0 for s in shape):
            raise ValueError(f"shape {shape} is not that of a matrix")
        check_block(block)
        unknown = set(fields) - FIELDS
        if unknown:
            raise ValueError(f"the fields {sorted(unknown)} are not known")
    except (JSONError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{what}: its quantisation state is not one that is read: {error}"
        ) from None
    if fields.get("quant_type") != "nf4":
        raise ValueError(
            f"{what}: quant_type {fields.get('quant_type')!r} is not supported, only 'nf4'"
        )
    return fields, shape


def _array(what, state, name):
    if name not in state:
        raise CheckpointError(
            f"{what}: {name} is missing from the file; fetch it again"
        )
    return np.asarray(state[name])


def _check_size(what, part, array, size, dtype):
    if array.size != size or array.dtype != dtype:
        raise CheckpointError(
            f"{what}: {part} has {array.size} values of {array.dtype}, its shape and "
            f"block ask for {size} of {dtype} (other storage types are not read)"
        )


def _check_map(what, found, levels):
    if not np.array_equal(found.reshape(-1), np.asarray(levels, "float32")):
        raise ValueError(
            f"{what}: its quant_map is not the code book of NF4; another one is not read"
        )
