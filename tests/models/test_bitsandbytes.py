"""NF4 in bitsandbytes' files: golden values, folders of models, and refusals.

Nothing here uses the code under test to make or to read a file: the layout, the code
book and the map of the 8-bit scales are written out from the published format.
"""

import json

import numpy as np
import pytest

from tinyft import io, nn
from tinyft.io import huggingface as hf
from tinyft.models.presets import gpt2_tiny, llama_tiny
from tinyft.quantise import dequantise, quantise

pytest.importorskip("safetensors", reason="tensor files need the package safetensors")
NF4 = np.array(
    "-1.0 -0.6961928009986877 -0.5250730514526367 -0.39491748809814453 "
    "-0.28444138169288635 -0.18477343022823334 -0.09105003625154495 0.0 "
    "0.07958029955625534 0.16093020141124725 0.24611230194568634 0.33791524171829224 "
    "0.44070982933044434 0.5626170039176941 0.7229568362236023 1.0".split(),
    "float32",
)
STATE = ".quant_state.bitsandbytes__nf4"
CONFIG = {
    "quant_method": "bitsandbytes",
    "load_in_4bit": True,
    "load_in_8bit": False,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "bfloat16",
    "bnb_4bit_quant_storage": "uint8",
    "llm_int8_skip_modules": None,
}


def dynamic_map():
    """The signed map of 8 bits: bins of [0.1, 1] per decade, their centres, 0 and 1.

    Float32 throughout, with the fused multiply-add of PyTorch's linspace, so that the
    values are those in files that a usual processor has written.
    """
    f, data = np.float32, [0.0, 1.0]
    for i in range(7):
        n = 2**i
        step = float((f(1) - f(0.1)) / f(n))
        half = (n + 1) // 2
        edges = [f(float(f(0.1)) + step * k) for k in range(half)]
        edges += [f(1.0 - step * (n - k)) for k in range(half, n + 1)]
        edges = np.array(edges, f)
        means = f(10 ** (i - 6)) * ((edges[:-1] + edges[1:]) / f(2))
        data += [*means.tolist(), *(-means).tolist()]
    return np.sort(np.array(data, f))


def layer(W, name, block=64, double=True, dtype="bfloat16", size=256, table=None):
    """({name: array} as bitsandbytes stores W, the matrix it stands for in float32)."""
    flat = W.reshape(-1).astype("float32")
    starts = range(0, len(flat), block)
    absmax = np.array([np.abs(flat[s : s + block]).max() for s in starts], "float32")
    relative = flat / np.repeat(absmax, block)[: len(flat)]
    index = np.abs(relative[:, None].astype("f8") - NF4.astype("f8")).argmin(axis=1)
    even = np.append(index, [7] * (len(index) % 2)).astype("uint8")
    out = {name: (even[::2] << 4 | even[1::2]).reshape(-1, 1), f"{name}.quant_map": NF4}
    fields = {"quant_type": "nf4", "blocksize": block, "dtype": dtype}
    fields["shape"] = list(W.shape)
    if double:
        table = dynamic_map() if table is None else table
        offset = absmax.mean(dtype="float32")
        rest = absmax - offset
        nested = np.array(
            [np.abs(rest[s : s + size]).max() for s in range(0, len(rest), size)]
        )
        each = np.repeat(nested, size)[: len(rest)]
        relative = rest / np.where(each == 0, 1, each)  # 0: one block alone
        codes = np.abs(relative[:, None] - table).argmin(axis=1).astype("uint8")
        absmax = table[codes] * each + offset
        out[f"{name}.absmax"], out[f"{name}.nested_absmax"] = codes, nested
        out[f"{name}.nested_quant_map"] = table
        fields |= {"nested_blocksize": size, "nested_dtype": "float32"}
        fields["nested_offset"] = float(offset)
    else:
        out[f"{name}.absmax"] = absmax
    text = json.dumps(fields).encode()
    out[name + STATE] = np.frombuffer(text, "uint8").copy()
    dense = (NF4[index] * np.repeat(absmax, block)[: len(flat)]).reshape(W.shape)
    return out, dense


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def edited(state, name, **fields):
    """The state with other fields in the JSON; None takes one away."""
    now = json.loads(state[name + STATE].tobytes()) | fields
    text = json.dumps({k: v for k, v in now.items() if v is not None})
    return state | {name + STATE: np.frombuffer(text.encode(), "uint8").copy()}


# --- one layer ------------------------------------------------------------------------


def test_golden_bytes():
    """0x0f is −1 and 1, 0x7e is 0 and 0.7229…; two blocks of 16 with scales 2 and 0.5."""
    text = {"quant_type": "nf4", "blocksize": 16, "dtype": "float16", "shape": [2, 16]}
    state = {
        "w": np.frombuffer(bytes.fromhex("0f7e7777777777778f17777777777777"), "uint8"),
        "w.absmax": np.array([2, 0.5], "float32"),
        "w.quant_map": NF4,
        "w" + STATE: np.frombuffer(json.dumps(text).encode(), "uint8"),
    }
    want = np.zeros((2, 16), "float32")
    want[0, :4] = -2.0, 2.0, 0.0, 1.4459136724472046
    want[1, :4] = 0.03979014977812767, 0.5, -0.34809640049934387, 0.0
    assert np.array_equal(dequantise(hf.read_nf4(state, "w")), want)


@pytest.mark.parametrize("shape", [(64, 64), (48, 40), (7, 9), (300, 64)])
@pytest.mark.parametrize("block", [64, 128])
@pytest.mark.parametrize("double", [True, False])
def test_a_layer_is_read_bit_for_bit(shape, block, double):
    state, dense = layer(normal(*shape), "w", block, double)
    packed = hf.read_nf4(state, "w")
    assert (packed.nested is not None) == double
    assert np.array_equal(dequantise(packed), dense)
    x = normal(3, shape[1], seed=1)
    y = nn.Linear4bit.of(packed)(x).numpy()
    assert np.array_equal(y, x @ dense.T)


def test_ours_is_what_bitsandbytes_would_have_stored():
    """The same W, quantised here: codes, scales and map agree."""
    W = normal(64, 256)
    theirs, _ = layer(W, "w")
    ours = hf.write_nf4(quantise(W), "w", "bfloat16")
    assert ours.keys() == theirs.keys()
    texts = [json.loads(s["w" + STATE].tobytes()) for s in (ours, theirs)]
    assert texts[0].keys() == texts[1].keys()
    for part in ("", ".quant_map", ".nested_quant_map", ".absmax"):
        assert np.array_equal(ours["w" + part], theirs["w" + part]), part
    np.testing.assert_allclose(
        ours["w.nested_absmax"], theirs["w.nested_absmax"], rtol=1e-6
    )


@pytest.mark.parametrize("double", [True, False])
def test_out_and_in_again(double):
    packed = quantise(normal(7, 33), 32, double=double)
    again = hf.read_nf4(hf.write_nf4(packed, "a.weight"), "a.weight")
    for name, array in packed.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name
    with pytest.raises(ValueError, match="code book 'int4'"):
        hf.write_nf4(quantise(normal(7, 33), 32, "int4"), "a.weight")


@pytest.mark.parametrize("change", ["map", "blocks"])
def test_other_scales_in_8_bits_are_widened_exactly(change):
    table = np.sort(np.append(np.arange(-127, 128) / 127, 0.5)).astype("float32")
    options = {"table": table} if change == "map" else {"size": 128}
    state, dense = layer(normal(300, 64), "w", **options)
    packed = hf.read_nf4(state, "w")
    assert packed.nested is None
    assert np.array_equal(dequantise(packed), dense)


def test_a_whole_state_becomes_dense():
    one, dense = layer(normal(8, 64), "a.weight")
    rest = {"a.bias": normal(8), "norm.weight": normal(8)}
    found = hf.dense_state(one | rest)
    assert found.keys() == {"a.weight", *rest}
    assert np.array_equal(found["a.weight"], dense)


# --- refusals -------------------------------------------------------------------------

DAMAGES = {
    "absmax gone": (
        lambda s: {n: a for n, a in s.items() if n != "w.absmax"},
        "missing",
    ),
    "map gone": (
        lambda s: {n: a for n, a in s.items() if n != "w.quant_map"},
        "missing",
    ),
    "nested gone": (
        lambda s: {n: a for n, a in s.items() if n != "w.nested_absmax"},
        "nested_absmax is missing",
    ),
    "cut off": (lambda s: s | {"w": s["w"][:-1]}, "weight has 255 values"),
    "few scales": (
        lambda s: s | {"w.absmax": s["w.absmax"][1:]},
        "absmax has 7 values",
    ),
    "storage": (lambda s: s | {"w": s["w"].astype("int16")}, "256 values of int16"),
    "other map": (lambda s: s | {"w.quant_map": NF4[::-1]}, "not the code book of NF4"),
    "fp4": (lambda s: edited(s, "w", quant_type="fp4"), "quant_type 'fp4' is not supp"),
    "block": (lambda s: edited(s, "w", blocksize=60), "power of two"),
    "shape": (lambda s: edited(s, "w", shape=[8, 65]), "260 of uint8"),
    "flat": (lambda s: edited(s, "w", shape=[512]), "not that of a matrix"),
    "no shape": (lambda s: edited(s, "w", shape=None), "not one that is read"),
    "unknown": (lambda s: edited(s, "w", rotation=7), r"\['rotation'\] are not known"),
    "offset": (lambda s: edited(s, "w", nested_offset="a"), "nested_offset='a'"),
    "blocksize": (lambda s: edited(s, "w", nested_blocksize=0), "nested_blocksize=0"),
    "text": (
        lambda s: s | {"w" + STATE: np.frombuffer(b"\xff{}", "uint8")},
        "not one that is read",
    ),
    "nan": (
        lambda s: s | {"w.nested_absmax": s["w.nested_absmax"] * np.float32("nan")},
        "NaN or infinite",
    ),
}


@pytest.mark.parametrize("damage, match", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_layer_is_refused(damage, match):
    state, _ = layer(normal(8, 64), "w")
    with pytest.raises(ValueError, match=match):
        hf.read_nf4(damage(state), "w")


@pytest.mark.parametrize(
    "name, match", [("w.quant_state.bitsandbytes__fp4", "fp4"), ("w.SCB", "8-bit")]
)
def test_other_quantisations_are_refused_by_name(name, match):
    with pytest.raises(
        ValueError, match=f"quantised as {match}, which is not supported"
    ):
        hf.dense_state({"w": normal(2, 2), name: normal(2)})


# --- folders --------------------------------------------------------------------------

SMALL = {"vocab": 31, "dim": 64, "layers": 2, "heads": 2, "hidden": 96, "length": 16}
IDS = np.random.default_rng(8).integers(2, 31, (2, 7))


def folder(tmp_path, config=CONFIG, packed="proj", make=llama_tiny, **changes):
    """(folder, model with the weights that its NF4 stands for)."""
    model = make(rng=0, **SMALL | changes)
    hf.save_model(model, tmp_path / "model")
    file, about = (tmp_path / "model" / n for n in ("model.safetensors", "config.json"))
    state, kept = io.load(file), {}
    for name, array in state.items():
        if packed in name and array.ndim == 2:
            theirs, dense = layer(array, name)
            kept |= theirs
            state[name] = dense
        else:
            kept[name] = array
    io.save(file, kept)
    fields = json.loads(about.read_text())
    about.write_text(json.dumps(fields | {"quantization_config": config}))
    if make is llama_tiny:
        ours = hf.from_llama(state, model.config)
        model.load_state_dict(ours)
    return tmp_path / "model", model.eval()


def test_a_folder_stays_in_4_bits(tmp_path):
    path, want = folder(tmp_path)
    model = hf.load_model(path)
    found = [p for p, m in model.named_modules() if isinstance(m, nn.Linear4bit)]
    assert len(found) == 14 and "head" not in found
    assert np.array_equal(model(IDS).numpy(), want(IDS).numpy())
    assert model.nbytes() < 0.4 * want.nbytes()
    assert model.count() == want.count() and not model.training
    nn.dequantise_linears(model)
    assert np.array_equal(model(IDS).numpy(), want(IDS).numpy())
    hf.save_model(model, tmp_path / "floats")
    again = hf.load_model(tmp_path / "floats")(IDS)
    assert np.array_equal(again.numpy(), want(IDS).numpy())


def test_only_some_layers_may_be_packed(tmp_path):
    path, want = folder(tmp_path, packed="mlp.down_proj")
    model = hf.load_model(path, dtype="float64")
    assert list(model.named_packed()) == [f"blocks.{i}.mlp.down.weight" for i in (0, 1)]
    np.testing.assert_allclose(model(IDS).numpy(), want(IDS).numpy(), atol=1e-5)


def test_a_packed_model_is_not_written_as_floats(tmp_path):
    path, _ = folder(tmp_path)
    with pytest.raises(ValueError, match=r"kept in 4 bits.*dequantise_linears"):
        hf.save_model(hf.load_model(path), tmp_path / "again")


@pytest.mark.parametrize(
    "change, match",
    [
        ({"bnb_4bit_quant_type": "fp4"}, "bnb_4bit_quant_type='fp4'"),
        ({"load_in_4bit": False, "load_in_8bit": True}, "load_in_8bit=True"),
        ({"quant_method": "gptq"}, "quant_method='gptq'"),
        ({"bnb_4bit_quant_storage": "bfloat16"}, "bnb_4bit_quant_storage='bfloat16'"),
    ],
)
def test_another_config_is_refused_by_name(tmp_path, change, match):
    path, _ = folder(tmp_path, CONFIG | change)
    with pytest.raises(ValueError, match=match):
        hf.load_model(path)


def test_config_and_files_must_agree(tmp_path):
    path, _ = folder(tmp_path / "a", None)
    with pytest.raises(
        ValueError, match="has no quantization_config, but the files hold"
    ):
        hf.load_model(path)
    path, _ = folder(tmp_path / "b", packed="nothing")
    with pytest.raises(ValueError, match="but the files hold floats"):
        hf.load_model(path)


def test_a_missing_part_names_the_layer(tmp_path):
    path, _ = folder(tmp_path)
    file = path / "model.safetensors"
    state = io.load(file)
    gone = next(n for n in state if n.endswith(".absmax"))
    del state[gone]
    io.save(file, state)
    with pytest.raises(ValueError, match="absmax is missing"):
        hf.load_model(path)


def test_a_shape_that_the_config_does_not_have(tmp_path):
    path, _ = folder(tmp_path)
    about = path / "config.json"
    fields = json.loads(about.read_text())
    about.write_text(json.dumps(fields | {"intermediate_size": 100}))
    with pytest.raises(ValueError, match=r"has shape \(.*96.*\) in the file"):
        hf.load_model(path)


@pytest.mark.parametrize("packed", ["c_attn", "c_fc", "wte"])
def test_what_cannot_stay_packed_is_refused_by_name(tmp_path, packed):
    """GPT-2's q, k, v are one matrix, all of its matrices are transposed; an embedding is
    not a Linear layer."""
    path, _ = folder(tmp_path, packed=packed, make=gpt2_tiny)
    with pytest.raises(ValueError, match="is in NF4, and here it is several layers"):
        hf.load_model(path)
