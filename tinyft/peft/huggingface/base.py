"""Which base an adapter was made for: stored beside its tensors, compared when it loads.

    arrays, numbers   how many parameters the base has, and how many numbers
    layout            a checksum of their names and shapes
    dtype, values     a checksum of the values, for a base of the same dtype
    sample            a few of the values, for a base of another dtype

PEFT's own files have none of it and load unchecked, and PEFT reads no metadata. Left out
is what the adapter replaces: a head that it stores whole may differ at the start.
"""

import json
import zlib

from tinyft import backend
from tinyft.peft.acting import base_array
from tinyft.peft.full import Full

KEY, SAMPLES = "tinyft_base", 16
TOLERANCE = 2**-7  # of a sampled value: bfloat16, the coarsest, keeps 2⁻⁹


def metadata_of(adapter, whole=()):
    """The metadata of an adapter's tensor file; `whole`: what else the file has whole."""
    return {KEY: json.dumps(_fingerprint(adapter, whole), sort_keys=True)}


def refuse_other_base(adapter, metadata, folder):
    """Raise ValueError if the metadata names another base than the adapter's model."""
    if KEY not in metadata:
        return
    theirs, ours = json.loads(metadata[KEY]), _fingerprint(adapter)
    advice = "; load that base, or pass any_base=True if you know that it fits"
    if theirs["layout"] != ours["layout"]:
        raise ValueError(
            f"peft.load: {folder} was made for a base of {theirs['arrays']} parameter "
            f"arrays ({theirs['numbers']:,} numbers); this model's base has "
            f"{ours['arrays']} ({ours['numbers']:,}), of other names or shapes{advice}"
        )
    same_dtype = theirs["dtype"] == ours["dtype"]
    if theirs["values"] != ours["values"] if same_dtype else not _near(theirs, ours):
        raise ValueError(
            f"peft.load: {folder} was made for a base of the same shapes with other "
            f"values (another checkpoint, or trained since){advice}"
        )


def _near(theirs, ours):
    pairs = zip(theirs["sample"], ours["sample"])
    return all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) + 1e-6 for a, b in pairs)


def _fingerprint(adapter, whole=()):
    arrays = _base_arrays(adapter, whole)
    layout = [[name, list(array.shape)] for name, array in arrays.items()]
    values, sample = 0, []
    for array in arrays.values():
        host = backend.asnumpy(array)
        values = zlib.crc32(host.tobytes(), values)
        sample.append(float(host.reshape(-1)[host.size // 2]))
    return {
        "arrays": len(arrays),
        "numbers": sum(array.size for array in arrays.values()),
        "layout": zlib.crc32(json.dumps(layout).encode()),
        "dtype": " ".join(sorted({str(array.dtype) for array in arrays.values()})),
        "values": values,
        "sample": [round(v, 6) for v in sample[:: 1 + len(sample) // SAMPLES]],
    }


def _base_arrays(adapter, whole):
    """{name: array} of the base's parameters that stay, a tied one once, and of its
    weights in 4 bits."""
    copies = [d for d in adapter.deltas.values() if isinstance(d, Full)]
    replaced = {f"{d.path}.{name}" for d in copies for name in d.changes}
    found = {}
    for path, module in adapter.model.named_modules():
        if module.packed_size and path not in whole:
            stored = module.packed.arrays.items()
            found |= {id(a): (f"{path}.{name}", a) for name, a in stored}
        for name, p in module._parameters.items() if path not in whole else ():
            if p is not None and f"{path}.{name}" not in replaced:
                found.setdefault(id(p), (f"{path}.{name}", base_array(module, name)))
    return dict(found.values())
