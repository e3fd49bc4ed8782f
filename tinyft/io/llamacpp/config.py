"""The TransformerConfig of a GGUF file's metadata, for Llama, Qwen2 and Qwen3.

Every field of the architecture that changes numbers is read or refused by name, as with
a config.json. Source: docs/gguf.md of ggml; convert_hf_to_gguf.py of llama.cpp.
"""

import numpy as np

from tinyft.io.huggingface.fields import Fields
from tinyft.io.tensors import CheckpointError
from tinyft.models import TransformerConfig

KINDS = ("llama", "qwen2", "qwen3")
HARMLESS = ("vocab_size", "rope.scaling.finetuned", "attention.causal")


class Metadata(Fields):
    """The fields of one architecture, without its name in front."""

    source = "its metadata"

    def __init__(self, file, kind):
        fields = {
            name.removeprefix(f"{kind}."): value
            for name, value in file.metadata.items()
            if name.startswith(f"{kind}.")
        }
        super().__init__(kind, fields, f"{file.path} ({kind})")
        self.asked |= set(HARMLESS)

    def real(self, name, default, low, high):
        """A float32 of the file as the shortest decimal: 1e-05, not 9.99999975e-06."""
        return float(str(np.float32(self.number(name, default, low, high))))


def read_config(file):
    """The TransformerConfig of a gguf.GGUF.

    Raises CheckpointError for a file without sizes, ValueError naming an architecture or
    a field that Transformer does not compute.
    """
    f = Metadata(file, _kind(file))
    dim, heads = f.size("embedding_length"), f.size("attention.head_count")
    shared = f.size("attention.head_count_kv", heads)
    f.divides("attention.head_count_kv", shared, "attention.head_count", heads)
    width = _head_width(f, dim, heads)
    config = TransformerConfig(
        vocab=_vocab(file),
        dim=dim,
        layers=f.size("block_count"),
        heads=heads,
        kv_heads=shared,
        hidden=f.size("feed_forward_length"),
        length=f.size("context_length"),
        norm="rms",
        positions="rotary",
        rotary_base=f.real("rope.freq_base", 10000.0, 1e-3, 1e15),
        rope_scaling=_scaling(f),
        activation="swiglu",
        tied="output.weight" not in file.tensors,
        bias=False,
        attn_bias=_biases(file),
        qk_norm=f.kind == "qwen3",
        eps=f.real("attention.layer_norm_rms_epsilon", 1e-6, 0.0, 1.0),
        head_dim=None if width * heads == dim else width,
    )
    f.only(expert_count=0)
    f.close()
    return config


def _kind(file):
    parts = file.metadata.get("split.count", 1)
    if parts not in (0, 1):
        raise ValueError(
            f"{file.path} is one of {parts} parts of a model; join them first "
            "(llama.cpp's llama-gguf-split --merge)"
        )
    kind = file.metadata.get("general.architecture")
    if kind not in KINDS:
        raise ValueError(
            f"{file.path}: general.architecture is {kind!r}; Transformer computes "
            f"{', '.join(KINDS)}"
        )
    return kind


def _vocab(file):
    """Rows of the embedding, as the file itself has them."""
    if "token_embd.weight" not in file.tensors:
        raise CheckpointError(f"{file.path} has no tensor 'token_embd.weight'")
    return file.tensors["token_embd.weight"].shape[0]


def _head_width(f, dim, heads):
    """Width of one head; all of it is turned by the positions."""
    width = f.size("attention.key_length", None)
    if width is None:
        f.divides("attention.head_count", heads, "embedding_length", dim)
        width = dim // heads
    f.only(**{"attention.value_length": width, "rope.dimension_count": width})
    return width


def _scaling(f):
    """rope_scaling of the config: None, or the positions divided by a factor."""
    kind = f.get("rope.scaling.type", "none")
    if kind not in ("none", "linear"):
        raise ValueError(
            f"{f.where}: rope.scaling.type={kind!r} is not supported, only 'linear'"
        )
    f.asked.add("rope.scaling.original_context_length")
    factor = f.real("rope.scaling.factor", 1.0, 1e-3, 1e9)
    return None if kind == "none" or factor == 1 else ("linear", factor)


def _biases(file):
    """attn_bias of the config, by the tensors of the first block."""
    has = [f"blk.0.attn_{name}.bias" in file.tensors for name in ("q", "output")]
    return {(True, False): "qkv", (True, True): True}.get(tuple(has))
