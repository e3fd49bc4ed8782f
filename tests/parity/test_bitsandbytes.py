"""NF4 against bitsandbytes itself, where it is installed: bytes, scales, values, both ways.

Blocks are not longer than a row here: version 0.50's dequantisation on the CPU puts the
scales in the wrong places otherwise (its own quantisation does not come back), which its
files do not depend on.
"""

import numpy as np
import pytest

from tinyft.io import huggingface as hf
from tinyft.quantise import CODES, dequantise, dynamic_levels, quantise

torch = pytest.importorskip("torch")
functional = pytest.importorskip("bitsandbytes.functional")

CASES = [
    (shape, block, double)
    for shape in ((64, 256), (33, 128), (300, 64), (7, 33))
    for block in (64, 128)
    for double in (True, False)
    if block <= shape[1] or shape[1] % 2
]


def both(shape, block, double):
    """(W, {name: array} of bitsandbytes, its dequantised values)."""
    W = np.random.default_rng(0).standard_normal(shape).astype("float32") * 0.02
    codes, state = functional.quantize_4bit(
        torch.tensor(W), blocksize=block, compress_statistics=double, quant_type="nf4"
    )
    parts = state.as_dict(packed=True)
    theirs = {"w": codes.numpy()} | {f"w.{n}": t.numpy() for n, t in parts.items()}
    return W, theirs, functional.dequantize_4bit(codes, state).numpy()


def test_the_tables_have_its_bits():
    nf4 = functional.get_4bit_type("nf4", device="cpu").numpy()
    assert np.array_equal(nf4, np.array(CODES["nf4"].levels, "float32"))
    table = functional.create_dynamic_map().numpy()
    assert np.array_equal(table, np.array(dynamic_levels(), "float32"))


@pytest.mark.parametrize("shape, block, double", CASES)
def test_its_blocks_are_read_bit_for_bit(shape, block, double):
    _, theirs, values = both(shape, block, double)
    packed = hf.read_nf4(theirs, "w")
    assert (packed.nested is not None) == double
    assert np.array_equal(dequantise(packed), values)


@pytest.mark.parametrize("shape, block, double", CASES)
def test_ours_are_the_same_and_it_reads_them(shape, block, double):
    W, theirs, _ = both(shape, block, double)
    packed = quantise(W, block, double=double)
    ours = hf.write_nf4(packed, "w")
    assert ours.keys() == theirs.keys()
    for name in ("w", "w.absmax", "w.quant_map"):
        assert np.array_equal(ours[name], theirs[name]), name
    state = functional.QuantState.from_dict(
        {name[2:]: torch.tensor(a) for name, a in ours.items() if name != "w"},
        device=torch.device("cpu"),
    )
    found = functional.dequantize_4bit(torch.tensor(ours["w"]), state).numpy()
    assert np.array_equal(found, dequantise(packed))
