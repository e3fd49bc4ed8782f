"""Folders of public models, without their libraries: out, in again, and refusals."""

import json
import os
import time
import tracemalloc

import numpy as np
import pytest

from tinyft import io, models, peft
from tinyft.io import huggingface as hf
from tinyft.io.huggingface.shapes import parameter_shape
from tinyft.models.presets import bert_tiny, gpt2_tiny, llama_tiny

pytest.importorskip("safetensors", reason="tensor files need the package safetensors")
IDS = np.random.default_rng(8).integers(2, 31, (2, 7))
SMALL = {"vocab": 31, "dim": 8, "layers": 2, "heads": 2, "hidden": 12, "length": 16}
LLAMA3 = ("llama3", 8.0, 1.0, 4.0, 16)
ENCODER = {"head": "none", "types": 2, "pooler": True}
SHAPES = {  # name: (maker, changes, the family it is written as)
    "gpt2": (gpt2_tiny, {}, "gpt2"),
    "gpt2 untied": (gpt2_tiny, {"tied": False, "activation": "relu"}, "gpt2"),
    "gpt2 states": (gpt2_tiny, {"head": "none"}, "gpt2"),
    "gpt2 classes": (gpt2_tiny, {"head": "cls", "classes": 3, "pad": 1}, "gpt2"),
    "bert": (bert_tiny, {"types": 2}, "bert"),
    "bert untied": (bert_tiny, {"types": 2, "tied": False}, "bert"),
    "bert encoder": (bert_tiny, ENCODER, "bert"),
    "bert classes": (bert_tiny, ENCODER | {"head": "cls", "classes": 3}, "bert"),
    "roberta": (bert_tiny, {"positions": "roberta", "pad": 1, "types": 1}, "roberta"),
    "distilbert": (
        bert_tiny,
        {"head": "cls", "classes": 3, "pooler": "relu"},
        "distilbert",
    ),
    "distilbert states": (bert_tiny, {"head": "none"}, "distilbert"),
    "llama": (llama_tiny, {"kv_heads": 1}, "llama"),
    "llama biases": (llama_tiny, {"attn_bias": True, "rope_scaling": LLAMA3}, "llama"),
    "llama classes": (llama_tiny, {"head": "cls", "classes": 3, "pad": 1}, "llama"),
    "mistral": (llama_tiny, {"window": 3, "head_dim": 6}, "mistral"),
    "qwen2": (llama_tiny, {"attn_bias": "qkv", "tied": True}, "qwen2"),
    "qwen2 window": (llama_tiny, {"attn_bias": "qkv", "window": 3}, "qwen2"),
    "qwen3": (llama_tiny, {"qk_norm": True, "head_dim": 6}, "qwen3"),
}
each = pytest.mark.parametrize("make, changes, kind", SHAPES.values(), ids=SHAPES)


def build(make, changes):
    """A small model whose every parameter has been moved."""
    model, rng = make(rng=0, **SMALL | {"kv_heads": None} | changes), RNG(1)
    for p in model.parameters():
        p.data = (p.data + 0.3 * rng.standard_normal(p.shape)).astype("f4")
    return model.eval()


RNG = np.random.default_rng


@each
def test_out_and_in_again(make, changes, kind, tmp_path):
    model = build(make, changes)
    assert hf.save_model(model, tmp_path / "a") == kind
    again = hf.load_model(tmp_path / "a")
    np.testing.assert_array_equal(again(IDS).numpy(), model(IDS).numpy())
    assert hf.save_model(again, tmp_path / "b") == kind  # nothing is lost or added
    for name in ("config.json", "model.safetensors"):
        one, two = ((tmp_path / f / name).read_bytes() for f in "ab")
        assert one == two, name
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]  # no temporary folder is left


@each
def test_the_shape_of_every_parameter_from_the_config_alone(make, changes, kind):
    model = build(make, changes)
    for name, p in model.named_parameters():
        assert parameter_shape(model.config, name) == p.shape, name


def test_a_bert_without_types_is_written_with_a_row_of_zeros(tmp_path):
    model = build(bert_tiny, {})
    assert hf.save_model(model, tmp_path / "a") == "bert"
    again = hf.load_model(tmp_path / "a")
    assert again.config.types == 1 and not again.type.weight.numpy().any()
    np.testing.assert_array_equal(again(IDS).numpy(), model(IDS).numpy())


def test_the_family_may_be_chosen(tmp_path):
    model = build(llama_tiny, {})
    assert hf.save_model(model, tmp_path / "a", "mistral") == "mistral"
    again = hf.load_model(tmp_path / "a")
    np.testing.assert_array_equal(again(IDS).numpy(), model(IDS).numpy())
    with pytest.raises(
        ValueError, match=r"nearest is gpt2, which differs in activation="
    ):
        hf.save_model(model, tmp_path / "b", "gpt2")
    with pytest.raises(ValueError, match="model_type must be one of gpt2, bert"):
        hf.save_model(model, tmp_path / "b", "gpt3")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "make, changes, words",
    [
        (
            gpt2_tiny,
            {"positions": "rotary"},
            "no family .* gpt2, .*in positions='rotary'",
        ),
        (gpt2_tiny, {"positions": "none"}, "positions='none'"),
        (gpt2_tiny, {"activation": "swiglu"}, "activation"),
        (gpt2_tiny, {"kv_heads": 1}, r"kv_heads=1 \(there 2\)"),
        (gpt2_tiny, {"window": 3}, r"window=3"),
        (llama_tiny, {"norm": "layer"}, "norm='layer'"),
        (llama_tiny, {"attn_bias": "qkv", "bias": True}, "bias"),
        (bert_tiny, {"head": "lm"}, "head='lm'"),
    ],
)
def test_shapes_that_no_family_has(make, changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        hf.save_model(build(make, changes), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_what_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="expected a Transformer, got ResNet"):
        hf.save_model(models.resnet_tiny(0), tmp_path / "a")
    model = build(gpt2_tiny, {})
    hf.save_model(model, tmp_path / "a")
    with pytest.raises(FileExistsError, match=r"already holds config\.json, model"):
        hf.save_model(model, tmp_path / "a")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("kept")
    hf.save_model(model, tmp_path / "notes")  # other files stay
    assert (tmp_path / "notes" / "readme.txt").read_text() == "kept"
    handle = peft.attach(model, peft.LoRA(r=2), target=r"attn\.q", rng=0)
    with pytest.raises(ValueError, match=r"adapters act on blocks\.0\.attn\.q"):
        hf.save_model(model, tmp_path / "b")
    peft.merge(model)
    hf.save_model(model, tmp_path / "b")
    want = model(IDS).numpy()
    np.testing.assert_array_equal(hf.load_model(tmp_path / "b")(IDS).numpy(), want)
    assert handle is not None


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tinyft.io.huggingface.save.save", full)
    with pytest.raises(OSError, match="No space left"):
        hf.save_model(build(gpt2_tiny, {}), tmp_path / "a")
    assert not list(tmp_path.iterdir())


# --- doors --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """make(name of SHAPES or a model, **fields) -> a folder with a changed config."""

    def make(name, **fields):
        place = tmp_path / f"{name} {len(list(tmp_path.iterdir()))}"
        hf.save_model(build(*SHAPES[name][:2]), place)
        rewrite(place, **fields)
        return place

    return make


def rewrite(place, **fields):
    """Change fields of config.json; a field that is None is removed."""
    path = place / "config.json"
    config = json.loads(path.read_text()) | fields
    config = {n: v for n, v in config.items() if v is not None}
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("kind", ["granite", "gemma2", "t5", "mixtral", "phi"])
def test_other_families_are_named(kind, folder):
    with pytest.raises(ValueError, match=f"model_type '{kind}' is a family that"):
        hf.load_model(folder("llama", model_type=kind))
    with pytest.raises(ValueError, match=r"has no model_type.* one of gpt2, bert"):
        hf.load_model(folder("llama", model_type=None))


@pytest.mark.parametrize(
    "load, name, kind",
    [
        (hf.load_gpt2, "llama", "llama"),
        (hf.load_bert, "roberta", "roberta"),
        (hf.load_bert, "distilbert", "distilbert"),
        (hf.load_llama, "mistral", "mistral"),
        (hf.load_llama, "gpt2", "gpt2"),
    ],
)
def test_another_door_is_named(load, name, kind, folder):
    words = rf"another family, model_type '{kind}'; io\.huggingface\.load_model"
    with pytest.raises(ValueError, match=words):
        load(folder(name))


def test_doors_of_one_family_and_heads(folder):
    place = folder("bert", model_type=None)
    np.testing.assert_array_equal(
        hf.load_bert(place, head="mlm")(IDS).numpy(),
        hf.load_model(folder("bert"))(IDS).numpy(),
    )
    with pytest.raises(ValueError, match=r"pooler.*head=.mlm.*pooler=False"):
        hf.load_bert(folder("bert"))  # the file has no pooler
    states = hf.load_bert(folder("bert"), pooler=False)(IDS)
    assert states.shape == (2, 7, 8)
    classes = hf.load_bert(folder("bert classes"), head="cls")
    assert classes(IDS).shape == (2, 3)
    assert hf.load_model(folder("gpt2"), head="none")(IDS).shape == (2, 7, 8)
    with pytest.raises(ValueError, match=r'GPT2ForSequence.*head="cls".*load_model'):
        hf.load_gpt2(folder("gpt2 classes"))
    with pytest.raises(
        ValueError, match="head must be one of lm, cls, none, got 'mlm'"
    ):
        hf.load_model(folder("gpt2"), head="mlm")


def test_the_class_decides_the_head(folder):
    place = folder("bert classes", architectures=["BertForTokenClassification"])
    with pytest.raises(ValueError, match="BertForTokenClassification, whose head is"):
        hf.load_model(place)
    assert hf.load_model(place, head="none")(IDS).shape == (2, 7, 8)
    with pytest.raises(ValueError, match="names no class in architectures, and the"):
        hf.load_model(folder("bert classes", architectures=None))
    assert hf.load_model(folder("gpt2", architectures=None)).config.head == "lm"


# --- fields -------------------------------------------------------------------------

BAD = float("nan")
FIELDS = [
    ("gpt2", {"n_embd": None}, "n_embd is missing from config.json"),
    ("gpt2", {"n_layer": 0}, "n_layer must be a positive integer, got 0"),
    ("gpt2", {"n_layer": 2.5}, "n_layer must be a positive integer"),
    ("gpt2", {"n_layer": "2"}, "n_layer must be a positive integer"),
    ("gpt2", {"n_head": 3}, "n_head=3 does not divide n_embd=8"),
    ("gpt2", {"layer_norm_epsilon": -1e-5}, "layer_norm_epsilon must be a number from"),
    ("gpt2", {"layer_norm_epsilon": BAD}, "layer_norm_epsilon must be a number from"),
    ("gpt2", {"layer_norm_epsilon": 1e308}, "layer_norm_epsilon must be a number from"),
    ("gpt2", {"tie_word_embeddings": 1}, "tie_word_embeddings must be true or false"),
    (
        "gpt2",
        {"scale_attn_weights": False},
        "scale_attn_weights=False is not supported",
    ),
    ("gpt2", {"quantization_config": {"bits": 4}}, "quantization_config="),
    ("gpt2", {"auto_map": {"AutoModel": "m.M"}}, "auto_map="),
    ("gpt2", {"pruned_heads": {"0": [1]}}, "pruned_heads="),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention=True"),
    ("gpt2", {"logit_scale": 2.0}, "logit_scale=2.0: not known for this family"),
    ("gpt2 classes", {"pad_token_id": 99}, "pad_token_id must be a token id below 31"),
    ("gpt2 classes", {"id2label": []}, "id2label must be an object"),
    ("bert", {"is_decoder": True}, "is_decoder=True"),
    ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type="),
    ("roberta", {"pad_token_id": 30}, "pad_token_id=30: positions start behind"),
    ("roberta", {"hidden_act": "relu"}, "hidden_act='relu' is not supported"),
    ("llama", {"num_key_value_heads": 3}, "num_key_value_heads=3 does not divide"),
    ("llama", {"rope_theta": BAD}, "rope_theta must be a number from"),
    ("llama", {"rope_theta": 7.0}, "rope_theta=7 here and 10000 in rope_parameters"),
    ("llama", {"rope_parameters": 5}, "rope_parameters must be an object"),
    ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2}}, "contradict"),
    ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor=0.5"),
    ("llama", {"hidden_act": "gelu"}, "hidden_act='gelu'"),
    ("llama", {"residual_multiplier": 0.22}, "residual_multiplier=0.22: not known"),
    (
        "qwen2 window",
        {"max_window_layers": 1, "layer_types": None},
        "in some layers only",
    ),
    ("qwen2 window", {"use_sliding_window": False}, "in some layers only"),
]


@pytest.mark.parametrize("name, fields, words", FIELDS)
def test_fields_are_refused_by_name(name, fields, words, folder):
    place = folder(name, **fields)
    with pytest.raises(ValueError, match=words):
        hf.load_model(place)


@pytest.mark.parametrize("kind", ["yarn", "dynamic", "longrope", 3])
def test_other_kinds_of_rotary_positions(kind, folder):
    rope = {"rope_type": kind, "factor": 2.0, "rope_theta": 10000.0}
    with pytest.raises(ValueError, match=f"rope_type={kind!r} is not supported"):
        hf.load_model(folder("llama", rope_parameters=rope))
    rope = {"rope_type": "linear", "factor": 0.0}
    place = folder("llama", rope_parameters=rope)
    with pytest.raises(ValueError, match="factor must be a number from"):
        hf.load_model(place)


def test_fields_without_a_number_are_let_through(folder):
    place = folder("gpt2", task_specific_params={"a": 1}, _name_or_path="x", n_ctx=16)
    rewrite(place, torch_dtype="float16", resid_pdrop=0.1, unknown_flag=False)
    hf.load_model(place)


# --- files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"n_layer": 10**9},
        {"vocab_size": 10**9},
        {"n_positions": 10**12},
        {"n_inner": 10**12},
        {"n_embd": 2 * 10**9},
    ],
)
def test_sizes_are_compared_with_the_files_before_anything_is_built(fields, folder):
    place = folder("gpt2", **fields)
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(io.CheckpointError, match=r"Missing: h\.2\.|ask for"):
        hf.load_model(place)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20 and time.perf_counter() - start < 2


@pytest.mark.parametrize("stored", ["F32", "F16", "BF16"])
def test_loading_makes_no_second_copy_of_a_large_table(stored, tmp_path):
    """The embedding is most of the model; its halves are widened piece by piece. The
    zeros that a model starts from are counted, but take no memory before they go."""
    model = gpt2_tiny(rng=0, vocab=20_000, layers=1, dim=128, heads=2, length=16)
    sizes = [p.data.nbytes for p in model.parameters()]
    hf.save_model(model, tmp_path)
    place = tmp_path / "model.safetensors"
    state = {k: v.astype("f2") for k, v in io.load(place).items()}
    if stored != "F32":
        io.save(place, state)
    if stored == "BF16":
        bits = {k: v.astype("f4").view("u4") >> 16 for k, v in state.items()}
        io.save(place, {k: v.astype("u2") for k, v in bits.items()})
        relabel(place, "U16", "BF16")
    del model
    peak = peak_of_loading(tmp_path)
    assert sum(sizes) < peak < sum(sizes) + 1.12 * max(sizes)


def relabel(path, old, new):
    """Another dtype of the same size in the header of a file, without its seal."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header.pop("__metadata__", None)
    head = json.dumps(header).replace(f'"{old}"', f'"{new}"').encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + content[end:])


def peak_of_loading(folder):
    """Bytes; what a first load imports is not counted."""
    hf.load_model(folder)
    tracemalloc.start()
    again = hf.load_model(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak if again is not None else 0


def test_loading_holds_one_array_beside_the_model(tmp_path):
    """32 layers of 2 x 64 x 512: the model, and far less than a second copy of it."""
    model = gpt2_tiny(rng=0, vocab=31, layers=32, hidden=512, length=16)
    size = sum(p.data.nbytes for p in model.parameters())
    hf.save_model(model, tmp_path / "a")
    del model
    tracemalloc.start()
    again = hf.load_model(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size < peak < 1.3 * size and again is not None


@pytest.mark.parametrize(
    "text, words",
    [
        ("[]", "holds a list, expected an object"),
        ("3", "holds a int, expected an object"),
        ("{", "is not JSON"),
        ("[" * 10_000 + "]" * 10_000, "levels deep"),
        (
            '{"model_type": "gpt2", "n_layer": 2, "n_layer": 3}',
            "'n_layer' is given twice",
        ),
        ('{"a": "' + "x" * 2**20 + '"}', "larger than 1048576 bytes"),
    ],
)
def test_configs_that_are_none(text, words, folder):
    place = folder("gpt2")
    (place / "config.json").write_text(text)
    for load in (hf.load_model, hf.load_gpt2):
        with pytest.raises(io.CheckpointError, match=words):
            load(place)


@pytest.mark.parametrize(
    "text, words",
    [
        ("{}", "is not an index"),
        ("[]", "is not an index"),
        ('{"weight_map": {}}', "is not an index"),
        ('{"weight_map": {"a": 3}}', "is not an index"),
        ('{"weight_map": {"a": "../model.safetensors"}}', "is not an index"),
        ('{"weight_map": ' * 10_000, "levels deep"),
    ],
)
def test_indices_that_are_none(text, words, folder):
    place = folder("gpt2")
    (place / "model.safetensors").rename(place / "part.safetensors")
    (place / "model.safetensors.index.json").write_text(text)
    with pytest.raises(io.CheckpointError, match=words):
        hf.load_model(place)
    (place / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "other.safetensors"}}'
    )
    with pytest.raises(FileNotFoundError, match=r"names other\.safetensors, which is"):
        hf.load_model(place)


def test_names_in_two_files_and_values_that_are_not_finite(folder):
    place = folder("gpt2")
    state = io.load(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    for name in "ab":
        io.save(place / f"{name}.safetensors", state)
    with pytest.raises(io.CheckpointError, match=r"is given twice, in a\.safetensors"):
        hf.load_model(place)
    (place / "b.safetensors").unlink()
    state["transformer.wpe.weight"][0, 0] = np.nan
    io.save(place / "a.safetensors", state)
    with pytest.raises(io.CheckpointError, match=r"position\.weight holds values that"):
        hf.load_model(place)


@pytest.mark.parametrize("at", [12, 400, -1])
def test_a_changed_byte_is_found(at, folder):
    path = folder("gpt2") / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(io.CheckpointError):
        hf.load_model(path.parent)


def test_files_that_people_take_for_tensors(folder):
    place = folder("gpt2")
    for content, words in (
        (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "Git LFS pointer"),
        (b"PK\x03\x04" + bytes(100), "is a pickle or a zip"),
        (b"", "cut short"),
    ):
        (place / "model.safetensors").write_bytes(content)
        with pytest.raises(io.CheckpointError, match=words):
            hf.load_model(place)


def test_names_that_do_not_agree(folder):
    place = folder("gpt2")
    path = place / "model.safetensors"
    state = io.load(path)
    state["adapter.weight"] = state.pop("transformer.ln_f.bias")
    io.save(path, state)
    words = r"Missing: ln_f\.bias\. Unknown: adapter\.weight\."
    with pytest.raises(io.CheckpointError, match=words) as caught:
        hf.load_model(place)
    assert isinstance(caught.value, KeyError)  # as in earlier versions


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_files_of_other_float_types(dtype, folder):
    place = folder("gpt2")
    path = place / "model.safetensors"
    state = {n: a.astype(dtype) for n, a in io.load(path).items()}
    io.save(path, state)
    model = hf.load_model(place)
    want = state["transformer.h.0.mlp.c_fc.weight"].T.astype("f4")
    np.testing.assert_array_equal(model.blocks[0].mlp.up.weight.numpy(), want)
    assert hf.load_model(place, dtype="f8").embed.weight.dtype == np.float64
