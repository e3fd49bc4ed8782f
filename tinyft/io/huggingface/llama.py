"""Llama, Mistral, Qwen2, Qwen3 and GLM: one decoder, told apart by a few of its fields.

biases of q, k, v, o      attention_bias; Qwen2 has q, k, v always, GLM never o
q and k norms             Qwen3
half of a head turns      GLM, neighbouring channels; gate and up are one matrix there
sliding window            Mistral; in Qwen for all layers or for none
"""

from tinyft.io.huggingface.gpt2 import decoder_head, other_heads
from tinyft.io.huggingface.names import Format, layer
from tinyft.io.huggingface.rope import read_part, read_rope, write_rope
from tinyft.models import TransformerConfig


def read(f, head="lm", pooler=False):
    """The TransformerConfig of the fields of Llama; dropout stays 0."""
    attention, mlp = f.flag("attention_bias", False), f.flag("mlp_bias", False)
    return _read(f, head, bias=mlp, attn_bias=None if attention == mlp else attention)


def read_mistral(f, head="lm", pooler=False):
    f.only(layer_types=None)
    window = f.size("sliding_window", None if "sliding_window" in f.theirs else 4096)
    return _read(f, head, window=window)


def read_qwen2(f, head="lm", pooler=False):
    return _read(f, head, attn_bias="qkv", window=_qwen_window(f))


def read_qwen3(f, head="lm", pooler=False):
    bias = f.flag("attention_bias", False) or None
    return _read(f, head, attn_bias=bias, qk_norm=True, window=_qwen_window(f))


def read_glm(f, head="lm", pooler=False):
    bias = "qkv" if f.flag("attention_bias", True) else False
    heads, wide = f.size("num_attention_heads"), f.size("hidden_size")
    width = f.size("head_dim", wide // heads)
    part = read_part(f, width, 0.5)
    return _read(f, head, attn_bias=bias, rotary_part=part, rotary_pairs="neighbours")


def _read(f, head, **choices):
    """What they have in common."""
    f.only(hidden_act="silu")
    dim, heads = f.size("hidden_size"), f.size("num_attention_heads")
    shared = f.size("num_key_value_heads", heads)
    f.divides("num_key_value_heads", shared, "num_attention_heads", heads)
    width = f.size("head_dim", 128 if f.kind == "qwen3" else None)
    if width is None:
        f.divides("num_attention_heads", heads, "hidden_size", dim)
    vocab = f.size("vocab_size")
    base, scaling = read_rope(f, whole="rotary_part" not in choices)
    return TransformerConfig(
        vocab=vocab,
        dim=dim,
        layers=f.size("num_hidden_layers"),
        heads=heads,
        kv_heads=shared,
        hidden=f.size("intermediate_size"),
        length=f.size("max_position_embeddings"),
        norm="rms",
        positions="rotary",
        rotary_base=base,
        activation="swiglu",
        tied=f.flag("tie_word_embeddings", False),
        head=head,
        eps=f.number("rms_norm_eps", 1e-6),
        head_dim=None if width is None or width * heads == dim else width,
        rope_scaling=scaling,
        classes=f.classes() if head == "cls" else 0,
        pad=f.pad(vocab) if head == "cls" else None,
        **{"bias": False, **choices},
    )


def _qwen_window(f):
    """The sliding window of all layers, or None; ValueError for some of them."""
    layers, slides = f.size("num_hidden_layers"), f.flag("use_sliding_window", False)
    window, first = f.get("sliding_window", 4096), f.get("max_window_layers", 28)
    kinds = f.get("layer_types", None)
    if kinds is None:
        slides = slides and window is not None and first < layers
        kinds = ["sliding_attention" if slides else "full_attention"]
        kinds += ["full_attention"] if first > 0 else []
    kinds = set(map(str, kinds))
    if kinds <= {"full_attention"}:
        return None
    if kinds != {"sliding_attention"} or not slides:
        raise ValueError(
            f"{f.where}: layer_types={sorted(kinds)} with use_sliding_window="
            f"{slides} and max_window_layers={first}: a sliding window in some layers "
            "only is not supported, Transformer has it in all or in none"
        )
    return f.size("sliding_window")


def write(c):
    """The fields of a Llama config.json for a TransformerConfig."""
    return {
        "vocab_size": c.vocab,
        "hidden_size": c.dim,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads or c.heads,
        "head_dim": c.head_width,
        "intermediate_size": c.hidden or 4 * c.dim,
        "hidden_act": "silu",
        "max_position_embeddings": c.length,
        "rms_norm_eps": c.eps,
        "tie_word_embeddings": c.tied,
        "attention_bias": bool(c.attention_bias),
        "mlp_bias": c.bias,
        "attention_dropout": c.dropout,
        **write_rope(c),
    }


def write_mistral(c):
    return _without(write(c), "attention_bias", "mlp_bias") | {
        "sliding_window": c.window
    }


def write_qwen2(c):
    return _without(write(c), "attention_bias", "mlp_bias") | _write_window(c)


def write_qwen3(c):
    return _without(write(c), "mlp_bias") | _write_window(c)


def write_glm(c):
    return _without(write(c), "mlp_bias")


def _without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


def _write_window(c):
    kind = "full_attention" if c.window is None else "sliding_attention"
    return {
        "use_sliding_window": c.window is not None,
        "sliding_window": c.window,
        "max_window_layers": 0 if c.window else c.layers,
        "layer_types": [kind] * c.layers,
    }


def glm_rows(config):
    """As Llama's, but the gate and the up projection are one matrix, the gate first."""
    for theirs, ours, transposed in rows(config):
        if ".mlp.gate_proj." in theirs:
            up = ours[0].replace(".gate.", ".up.")
            theirs = theirs.replace("gate_proj", "gate_up_proj")
            yield theirs, (*ours, up), transposed
        elif ".mlp.up_proj." not in theirs:
            yield theirs, ours, transposed


def rows(config):
    yield from layer("embed_tokens", "embed", False)
    for i in range(config.layers):
        a, b = f"layers.{i}.", f"blocks.{i}."
        yield from layer(f"{a}input_layernorm", f"{b}norm1", False)
        for name in "qkvo":
            biased = bool(config.attention_bias)
            biased = biased and (name != "o" or config.attention_bias != "qkv")
            yield from layer(f"{a}self_attn.{name}_proj", f"{b}attn.{name}", biased)
        for name in "qk" if config.qk_norm else "":
            yield from layer(f"{a}self_attn.{name}_norm", f"{b}attn.{name}_norm", False)
        yield from layer(f"{a}post_attention_layernorm", f"{b}norm2", False)
        for name in ("gate", "up", "down"):
            yield from layer(f"{a}mlp.{name}_proj", f"{b}mlp.{name}", config.bias)
    yield from layer("norm", "norm", False)
    yield from decoder_head(config)


def extras(config):
    tied = config.tied and config.head == "lm"
    copies = {"lm_head.weight": "embed_tokens.weight"} if tied else {}
    frequencies = r"(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq"
    return copies, [frequencies, *other_heads(config)]


FORMAT = Format(rows, extras, "model.", ("lm_head.", "score."), "lm_head")
GLM = Format(glm_rows, extras, "model.", ("lm_head.", "score."), "lm_head")
