"""Names of public checkpoints, without their libraries: tables, errors, folders."""

import json

import numpy as np
import pytest

from tinyft import io, models
from tinyft.io import huggingface as hf

RNG = np.random.default_rng(8)
IDS = RNG.integers(0, 31, (2, 5))
SMALL = {"vocab": 31, "dim": 8, "layers": 2, "heads": 2, "hidden": 12, "length": 16}
MODELS = {
    "gpt2": models.gpt2_tiny(rng=0, **SMALL),
    "bert": models.bert_tiny(rng=0, **SMALL, types=2, pooler=True),
    "llama": models.llama_tiny(rng=0, **SMALL, kv_heads=1),
}
each = pytest.mark.parametrize("kind", MODELS)


def theirs(kind):
    """(state in their names, config)."""
    model = MODELS[kind]
    rng = np.random.default_rng(1)
    state = {n: v.numpy() for n, v in model.state_dict().items()}
    for name in state:
        state[name] = state[name] + rng.standard_normal(state[name].shape).astype("f4")
    for second in ("head.weight", "head.decoder.weight"):
        if model.config.tied and second in state:
            state[second] = state["embed.weight"]
    return getattr(hf, f"to_{kind}")(state, model.config), model.config


def read(kind, state, config):
    return getattr(hf, f"from_{kind}")(state, config)


@each
def test_there_and_back_is_exact_and_loads(kind):
    state, config = theirs(kind)
    ours = read(kind, state, config)
    again = getattr(hf, f"to_{kind}")(ours, config)
    assert again.keys() == state.keys()
    for name in state:
        np.testing.assert_array_equal(again[name], state[name], err_msg=name)
    assert models.Transformer(config, rng=0).load_state_dict(ours) == ([], [])


def test_gpt2_splits_and_transposes():
    state, config = theirs("gpt2")
    ours, fused = (
        read("gpt2", state, config),
        state["transformer.h.1.attn.c_attn.weight"],
    )
    assert fused.shape == (8, 24) and state[
        "transformer.h.0.mlp.c_fc.weight"
    ].shape == (8, 12)
    for i, name in enumerate("qkv"):
        part = ours[f"blocks.1.attn.{name}.weight"]
        np.testing.assert_array_equal(part, fused[:, 8 * i : 8 * i + 8].T)
        assert part.flags.c_contiguous
    np.testing.assert_array_equal(ours["head.weight"], state["transformer.wte.weight"])


@each
def test_the_prefix_may_be_absent(kind):
    state, config = theirs(kind)
    prefix = {"gpt2": "transformer.", "bert": "bert.", "llama": "model."}[kind]
    assert any(n.startswith(prefix) for n in state)
    bare = {n.removeprefix(prefix): a for n, a in state.items()}
    want = read(kind, state, config)
    for name, array in read(kind, bare, config).items():
        np.testing.assert_array_equal(array, want[name], err_msg=name)


@each
def test_missing_and_unknown_names_are_listed(kind):
    state, config = theirs(kind)
    first = next(iter(state))
    extra = {n: a for n, a in state.items() if n != first} | {
        "adapter.weight": np.ones(1)
    }
    with pytest.raises(KeyError) as caught:
        read(kind, extra, config)
    text = str(caught.value)
    stem = first.split(".", 1)[1]
    assert f"from_{kind}" in text and f"Missing: {stem}." in text
    assert "Unknown: adapter.weight." in text
    ours = read(kind, state, config)
    del ours["norm.weight"]
    with pytest.raises(KeyError, match=rf"to_{kind}: .*Missing: norm.weight"):
        getattr(hf, f"to_{kind}")(ours, config)


@pytest.mark.parametrize(
    "kind, name",
    [
        ("gpt2", "transformer.h.0.attn.bias"),
        ("gpt2", "h.1.attn.masked_bias"),
        ("bert", "bert.embeddings.position_ids"),
        ("bert", "cls.seq_relationship.weight"),
        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq"),
        ("llama", "rotary_emb.inv_freq"),
    ],
)
def test_buffers_and_heads_without_use_are_dropped(kind, name):
    state, config = theirs(kind)
    assert (
        read(kind, {**state, name: np.ones(1)}, config).keys()
        == read(kind, state, config).keys()
    )


def test_a_head_that_the_config_does_not_take_is_dropped():
    state, _ = theirs("bert")
    plain = models.bert_tiny(rng=0, **SMALL, types=2, head="none")
    assert plain.load_state_dict(hf.from_bert(state, plain.config)) == ([], [])
    state, _ = theirs("llama")
    plain = models.llama_tiny(rng=0, **SMALL, kv_heads=1, head="none")
    assert plain.load_state_dict(hf.from_llama(state, plain.config)) == ([], [])


def test_ties():
    state, config = theirs("gpt2")
    del state["lm_head.weight"]  # files leave a tied head out
    assert "head.weight" in hf.from_gpt2(state, config)
    state["lm_head.weight"] = state["transformer.wte.weight"] + 1
    with pytest.raises(
        ValueError, match=r"lm_head.weight and wte.weight are one array"
    ):
        hf.from_gpt2(state, config)
    untied = models.gpt2_tiny(rng=0, **SMALL, tied=False).config
    ours = hf.from_gpt2(state, untied)
    np.testing.assert_array_equal(ours["head.weight"], ours["embed.weight"] + 1)


def test_old_names_of_layer_norms():
    state, config = theirs("bert")
    old = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): a
        for n, a in state.items()
    }
    assert old.keys() != state.keys()
    want = hf.from_bert(state, config)
    for name, array in hf.from_bert(old, config).items():
        np.testing.assert_array_equal(array, want[name])


# --- configs and folders ------------------------------------------------------------

GPT2_JSON = {
    "vocab_size": 31, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_inner": 12,
    "n_positions": 16,
}  # fmt: skip
OTHER_JSON = {
    "vocab_size": 31,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
JSON = {
    "gpt2": GPT2_JSON,
    "bert": OTHER_JSON,
    "llama": OTHER_JSON | {"num_key_value_heads": 1},
}


def test_configs():
    assert hf.gpt2_config(GPT2_JSON) == MODELS["gpt2"].config
    assert hf.bert_config(OTHER_JSON, "mlm", pooler=True) == MODELS["bert"].config
    assert hf.llama_config(JSON["llama"]) == MODELS["llama"].config


@pytest.mark.parametrize(
    "kind, changes, words",
    [
        (
            "gpt2",
            {"activation_function": "swish"},
            "activation 'swish' is not one that",
        ),
        (
            "gpt2",
            {"scale_attn_by_inverse_layer_idx": True},
            "scale_attn_by_inverse_layer_idx",
        ),
        (
            "bert",
            {"position_embedding_type": "relative_key"},
            "position_embedding_type",
        ),
        (
            "llama",
            {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
            "rope_type='yarn' is not supported, Transformer computes default, linear",
        ),
        ("llama", {"hidden_act": "gelu"}, "hidden_act='gelu' is not supported"),
        (
            "llama",
            {"embedding_multiplier": 12.0},
            "embedding_multiplier=12.0: not known",
        ),
    ],
)
def test_variants_that_we_do_not_compute_are_refused(kind, changes, words):
    with pytest.raises(ValueError, match=words):
        getattr(hf, f"{kind}_config")(JSON[kind] | changes)


@each
def test_folders(kind, tmp_path):
    pytest.importorskip(
        "safetensors", reason="tensor files need the package safetensors"
    )
    state, config = theirs(kind)
    loader = getattr(hf, f"load_{kind}")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        loader(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(io.CheckpointError, match="is not JSON"):
        loader(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(JSON[kind]))
    with pytest.raises(FileNotFoundError, match=r"has no \*\.safetensors"):
        loader(tmp_path)
    names = sorted(state)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    for i, part in enumerate(parts):  # large models are cut into several files
        io.save(tmp_path / f"part{i}.safetensors", {n: state[n] for n in part})
    options = {"head": "mlm", "pooler": True} if kind == "bert" else {}
    want = models.Transformer(config, rng=0).eval()
    want.load_state_dict(read(kind, state, config))
    for indexed in (False, True):
        if indexed:
            table = {
                n: f"part{i}.safetensors" for i, part in enumerate(parts) for n in part
            }
            index = tmp_path / "model.safetensors.index.json"
            index.write_text(json.dumps({"weight_map": table}))
        model = loader(tmp_path, **options)
        assert model.config == config and not model.training
        np.testing.assert_array_equal(model(IDS).numpy(), want(IDS).numpy())
    assert loader(tmp_path, dtype="f8", **options).embed.weight.dtype == np.float64
