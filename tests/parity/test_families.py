"""Random folders of transformers' families: equal logits, or a sentence with a name.

Weights are N(0, 0.3²), so that every layer, bias and norm matters; logits are then of
order 1 and float32 agrees to 1e-5 (measured: 6e-7). The bound is 1e-4.
"""

import dataclasses
import json

import numpy as np
import pytest

from tinyft.io import huggingface as hf
from tinyft.io.huggingface.families import FAMILIES
from tinyft.io.huggingface.fields import HARMLESS

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")
transformers = pytest.importorskip("transformers", reason="the families are its own")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

V, BOUND = 50, 1e-4
IDS = np.random.default_rng(0).integers(0, V, (2, 12))  # padding ids among them
IDS[0, -3:] = 1  # and where padding stands
BASE = {"vocab_size": V, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
USUAL = BASE | {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
SIZES = {
    "gpt2": BASE | {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "distilbert": BASE | {"dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2,
                          "max_position_embeddings": 64},
}  # fmt: skip
GROUPED = {"num_key_value_heads": 1}
SHARED = ("llama", "mistral", "qwen2", "qwen3", "glm")
ROPE = {"rope_theta": 100.0}
LLAMA3 = ROPE | {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
}  # fmt: skip
ENDS = {  # our head: ends of class names
    "lm": ("LMHeadModel", "ForCausalLM"),
    "mlm": ("ForMaskedLM", "ForPreTraining"),
    "cls": ("ForSequenceClassification",),
    "none": ("Model",),
}
CLASSES = [
    (kind, family.stem + end)
    for kind, family in FAMILIES.items()
    for head in family.heads
    for end in ENDS[head]
    if hasattr(transformers, family.stem + end)
]
VARIANTS = [
    ("llama", {"rope_parameters": LLAMA3, "tie_word_embeddings": True}),
    ("llama", {"rope_parameters": ROPE | {"rope_type": "linear", "factor": 4.0}}),
    ("llama", {"attention_bias": True}),
    ("llama", {"mlp_bias": True}),
    ("llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 12}),
    ("mistral", {"sliding_window": 4}),
    ("mistral", {"sliding_window": None, "head_dim": 10}),
    (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0},
    ),
    ("qwen3", {"head_dim": 6, "attention_bias": True, "tie_word_embeddings": True}),
    ("glm", {"head_dim": 8, "attention_bias": False}),
    (
        "glm",
        {"head_dim": 12, "partial_rotary_factor": 1.0, "tie_word_embeddings": True},
    ),
    (
        "gpt2",
        {"n_inner": 20, "activation_function": "relu", "layer_norm_epsilon": 0.01},
    ),
    ("gpt2", {"tie_word_embeddings": False}),
    (
        "bert",
        {"hidden_act": "relu", "type_vocab_size": 3, "tie_word_embeddings": False},
    ),
    ("roberta", {"pad_token_id": 5, "tie_word_embeddings": False}),
    ("distilbert", {"activation": "gelu_new", "tie_word_embeddings": False}),
]


def sizes(kind):
    return SIZES.get(kind, USUAL) | (GROUPED if kind in SHARED else {})


def drawn(name, config):
    """A model of that class with random weights."""
    torch.manual_seed(0)
    model = getattr(transformers, name)(config).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model


def config_of(kind, **fields):
    return transformers.AutoConfig.for_model(kind, **sizes(kind) | fields)


def main_class(kind):
    return (
        FAMILIES[kind].stem
        + ENDS[{"none": "mlm"}.get(FAMILIES[kind].heads[0], "lm")][
            0 if kind == "gpt2" or FAMILIES[kind].heads[0] == "none" else 1
        ]
    )


def result(output):
    names = ("logits", "prediction_logits", "last_hidden_state")
    return next(output[n] for n in names if n in output).detach().numpy()


def close(ours, theirs, bound=BOUND):
    want = result(theirs(torch.tensor(IDS)))
    got = ours(IDS).numpy()
    assert got.shape == want.shape
    assert np.abs(got - want).max() < bound


def there_and_back(theirs, folder):
    """Load what transformers saved; save it; transformers opens that without a word."""
    theirs.save_pretrained(folder / "a")
    ours = hf.load_model(folder / "a")
    close(ours, theirs)
    kind = hf.save_model(ours, folder / "b")
    name = json.loads((folder / "b" / "config.json").read_text())["architectures"][0]
    opened, info = getattr(transformers, name).from_pretrained(
        folder / "b", output_loading_info=True
    )
    assert not any(info.values()), info
    close(ours, opened.eval())
    return kind


@pytest.mark.parametrize("kind, name", CLASSES, ids=lambda x: x)
def test_each_class_of_each_family(kind, name, tmp_path):
    there_and_back(drawn(name, config_of(kind)), tmp_path)


@pytest.mark.parametrize("kind, fields", VARIANTS)
def test_variants(kind, fields, tmp_path):
    written = there_and_back(
        drawn(main_class(kind), config_of(kind, **fields)), tmp_path
    )
    alike = {"distilbert": "bert", "mistral": "llama"}
    assert written in (kind, alike.get(kind))


@pytest.mark.parametrize("kind", ["gpt2", "roberta", "qwen2"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_in_several_files(kind, dtype, tmp_path):
    theirs = drawn(main_class(kind), config_of(kind)).to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path, max_shard_size="8KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    close(hf.load_model(tmp_path), theirs.float())


# --- every field of a family's config, changed ---------------------------------------

SKIPPED = {"dtype", "architectures", "transformers_version", "id2label", "label2id"}


def changed(name, value, kind):
    """Another value of a field, or None to leave it."""
    special = {
        "rope_parameters": ROPE | {"rope_type": "yarn", "factor": 4.0},
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 5, "num_key_value_heads": 2, "head_dim": 6,
        "problem_type": "regression",
    }  # fmt: skip
    if name in special:
        return special[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 2
    if isinstance(value, float):
        return value * 2 + 0.001
    if isinstance(value, str) and value.startswith(("gelu", "silu")):
        return "relu"
    return None


def fields_of(kind):
    """(kind, field, another value) for each field of a family's config class."""
    config = config_of(kind)
    for field in dataclasses.fields(config):
        if field.name not in SKIPPED and not field.name.startswith("_"):
            value = changed(field.name, getattr(config, field.name, None), kind)
            if value is not None:
                yield kind, field.name, value


ONCE = [kind for kind in FAMILIES if not kind.startswith(("xlm", "cam"))]
FIELDS = [row for kind in ONCE for row in fields_of(kind) if row[1] not in HARMLESS]


@pytest.mark.parametrize("kind, field, value", FIELDS, ids=lambda x: str(x)[:20])
def test_a_changed_field_is_read_or_refused(kind, field, value, tmp_path):
    try:
        theirs = drawn(main_class(kind), config_of(kind, **{field: value}))
        result(theirs(torch.tensor(IDS)))
    except Exception:
        pytest.skip("transformers builds no such model")
    theirs.save_pretrained(tmp_path)
    try:
        ours = hf.load_model(tmp_path)
    except ValueError as error:
        assert field in str(error)
        return
    close(ours, theirs)


@pytest.mark.parametrize("kind", ONCE)
def test_the_fields_called_harmless_are(kind, tmp_path):
    """All changed at once; token ids stay in the vocabulary."""
    fields = {
        n: v for _, n, v in fields_of(kind) if n in HARMLESS and "token_id" not in n
    }
    assert len(fields) > 5
    theirs = drawn(main_class(kind), config_of(kind, **fields | {"return_dict": True}))
    theirs.save_pretrained(tmp_path)
    close(hf.load_model(tmp_path), theirs)


# --- families that are not read -----------------------------------------------------

OTHERS = {
    "granite": {"embedding_multiplier": 12.0, "logits_scaling": 8.0},
    "gemma": {}, "olmo": {}, "olmo2": {}, "phi": {}, "stablelm": {}, "cohere": {},
    "starcoder2": {}, "nemotron": {}, "smollm3": {}, "helium": {}, "glm4": {},
    "electra": {}, "albert": {}, "ernie": {}, "megatron-bert": {}, "rembert": {},
    "roformer": {}, "gpt_neox": {}, "opt": {}, "biogpt": {}, "data2vec-text": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_other_families_are_refused_by_name(kind, tmp_path):
    config = transformers.AutoConfig.for_model(kind, **USUAL | OTHERS[kind])
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"model_type '{kind}' is a family"):
        hf.load_model(tmp_path)
    for load in (hf.load_gpt2, hf.load_bert, hf.load_llama):
        with pytest.raises(ValueError, match=f"another family, model_type '{kind}'"):
            load(tmp_path)


def test_granite_in_the_clothes_of_llama(tmp_path):
    """Its fields in a Llama config are refused, whatever model_type says."""
    config = transformers.AutoConfig.for_model("granite", **USUAL | OTHERS["granite"])
    transformers.GraniteForCausalLM(config).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    fields = json.loads(path.read_text()) | {"model_type": "llama"}
    path.write_text(json.dumps(fields | {"architectures": ["LlamaForCausalLM"]}))
    with pytest.raises(ValueError, match=r"embedding_multiplier=12\.0"):
        hf.load_model(tmp_path)


# --- padding ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "qwen3"])
def test_generation_of_a_padded_batch(kind, tmp_path):
    theirs = drawn(main_class(kind), config_of(kind, **{"sliding_window": 5}
                   if kind == "mistral" else {}))  # fmt: skip
    theirs.save_pretrained(tmp_path)
    mask = np.ones((2, 7), int)
    mask[0, :3] = 0
    want = theirs.generate(
        torch.tensor(IDS[:, :7]),
        attention_mask=torch.tensor(mask),
        max_new_tokens=8,
        min_new_tokens=8,
        do_sample=False,
    )
    got = hf.load_model(tmp_path).generate(IDS[:, :7], 8, greedy=True, mask=mask)
    np.testing.assert_array_equal(got, want.numpy())


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_encoders_under_a_mask(kind, tmp_path):
    """Padding at the end, and tokens inside the text that are not to be seen."""
    theirs = drawn(main_class(kind), config_of(kind))
    theirs.save_pretrained(tmp_path)
    mask = np.ones(IDS.shape, int)
    mask[0, 8:] = mask[1, [3, 5]] = 0
    want = theirs(torch.tensor(IDS), attention_mask=torch.tensor(mask))
    got = hf.load_model(tmp_path)(IDS, mask=mask).numpy()
    assert np.abs(got - result(want))[mask == 1].max() < BOUND
