"""Public checkpoints: a folder with config.json and safetensors, as a Transformer.

    model = load_gpt2(folder)          also load_bert, load_llama
    gpt2_config(config.json as a dict) -> TransformerConfig
    from_gpt2(state, config)           -> our names; to_gpt2 back
    (huggingface_names.py)

Nothing is fetched: the folder must be there. What our Transformer does not compute
(other activations, scaled rotary positions, ...) is refused by name, never ignored.
"""

import json
from pathlib import Path

from tinyft import nn
from tinyft.io.huggingface_names import (
    from_bert,
    from_gpt2,
    from_llama,
    to_bert,
    to_gpt2,
    to_llama,
)
from tinyft.io.tensors import CheckpointError, load
from tinyft.models import Transformer, TransformerConfig

__all__ = [
    "bert_config",
    "from_bert",
    "from_gpt2",
    "from_llama",
    "gpt2_config",
    "llama_config",
    "load_bert",
    "load_gpt2",
    "load_llama",
    "to_bert",
    "to_gpt2",
    "to_llama",
]

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


def gpt2_config(theirs):
    """The TransformerConfig of a GPT-2 config.json; dropout stays 0.

    Raises ValueError for a variant that our Transformer does not compute.
    """
    _require("gpt2", theirs, scale_attn_weights=True, add_cross_attention=False)
    _require("gpt2", theirs, scale_attn_by_inverse_layer_idx=False)
    return TransformerConfig(
        vocab=theirs["vocab_size"],
        dim=theirs["n_embd"],
        layers=theirs["n_layer"],
        heads=theirs["n_head"],
        hidden=theirs.get("n_inner"),
        length=theirs["n_positions"],
        activation=_activation("gpt2", theirs.get("activation_function", "gelu_new")),
        tied=theirs.get("tie_word_embeddings", True),
        eps=theirs.get("layer_norm_epsilon", 1e-5),
    )


def bert_config(theirs, head="none", pooler=None):
    """The TransformerConfig of a BERT config.json; head="mlm" for masked tokens.

    `pooler` defaults to True without a head. Raises ValueError as gpt2_config.
    """
    _require("bert", theirs, position_embedding_type="absolute", is_decoder=False)
    return TransformerConfig(
        vocab=theirs["vocab_size"],
        dim=theirs["hidden_size"],
        layers=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        hidden=theirs["intermediate_size"],
        length=theirs["max_position_embeddings"],
        pre_norm=False,
        activation=_activation("bert", theirs.get("hidden_act", "gelu")),
        causal=False,
        tied=theirs.get("tie_word_embeddings", True),
        head=head,
        types=theirs.get("type_vocab_size", 2),
        pooler=head == "none" if pooler is None else pooler,
        eps=theirs.get("layer_norm_eps", 1e-12),
    )


def llama_config(theirs):
    """The TransformerConfig of a Llama config.json; errors as gpt2_config."""
    rope = theirs.get("rope_parameters") or theirs.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    bias, dim = theirs.get("attention_bias", False), theirs["hidden_size"]
    heads = theirs["num_attention_heads"]
    _require("llama", {"rope_type": kind}, rope_type="default")
    _require("llama", theirs, hidden_act="silu", mlp_bias=bias)
    if theirs.get("head_dim"):
        _require("llama", theirs, head_dim=dim // heads)
    return TransformerConfig(
        vocab=theirs["vocab_size"],
        dim=dim,
        layers=theirs["num_hidden_layers"],
        heads=heads,
        kv_heads=theirs.get("num_key_value_heads"),
        hidden=theirs["intermediate_size"],
        length=theirs["max_position_embeddings"],
        norm="rms",
        positions="rotary",
        rotary_base=rope.get("rope_theta", theirs.get("rope_theta", 10000.0)),
        activation="swiglu",
        tied=theirs.get("tie_word_embeddings", False),
        bias=bias,
        eps=theirs.get("rms_norm_eps", 1e-6),
    )


def load_gpt2(folder, dtype=None):
    """GPT-2 from a folder with config.json and *.safetensors.

    Raises FileNotFoundError, CheckpointError, KeyError for names that do not agree.
    """
    return _load(folder, gpt2_config, from_gpt2, dtype)


def load_bert(folder, head="none", pooler=None, dtype=None):
    """BERT: its encoder and pooler, or with head="mlm" the masked-token model."""
    return _load(folder, lambda c: bert_config(c, head, pooler), from_bert, dtype)


def load_llama(folder, dtype=None):
    """Llama from a folder with config.json and *.safetensors."""
    return _load(folder, llama_config, from_llama, dtype)


def _load(folder, config_of, names_of, dtype):
    config = config_of(_read_config(Path(folder)))
    with nn.init.skipped():
        model = Transformer(config, dtype=dtype)
    model.load_state_dict(names_of(_read_weights(Path(folder)), config))
    return model.eval()


def _read_config(folder):
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no config.json; expected the folder of a Hugging Face "
            "model, with config.json and *.safetensors"
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}. Fetch it again.") from None


def _read_weights(folder):
    """All arrays of the folder; large models are cut into several files."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = sorted({folder / name for name in table.values()})
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(
            f"{folder} has no *.safetensors file (a pytorch_model.bin is a pickle, "
            "which tinyft does not read: convert it first)"
        )
    state = {}
    for file in files:
        state.update(load(file))
    return state


def _activation(kind, name):
    if name not in ACTIVATIONS:
        raise ValueError(
            f"{kind}_config: activation {name!r} is not one that Transformer computes: "
            f"{', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


def _require(kind, theirs, **options):
    """Raise for an option that is set to another value than the one we compute."""
    for name, value in options.items():
        if theirs.get(name, value) != value:
            raise ValueError(
                f"{kind}_config: {name}={theirs[name]!r} is not supported, Transformer "
                f"computes {name}={value!r}"
            )
