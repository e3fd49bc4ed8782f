"""GPT-2: one fused matrix for q, k and v, and every matrix as in × out (Conv1D)."""

from tinyft.io.huggingface.fields import THEIRS
from tinyft.io.huggingface.names import Format, layer
from tinyft.models import TransformerConfig


def read(f, head="lm", pooler=False):
    """The TransformerConfig of the fields; dropout stays 0."""
    f.only(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False)
    dim, heads, vocab = f.size("n_embd"), f.size("n_head"), f.size("vocab_size")
    f.divides("n_head", heads, "n_embd", dim)
    return TransformerConfig(
        vocab=vocab,
        dim=dim,
        layers=f.size("n_layer"),
        heads=heads,
        hidden=f.size("n_inner", None),
        length=f.size("n_positions"),
        activation=f.activation("activation_function", "gelu_new"),
        tied=f.flag("tie_word_embeddings", True),
        head=head,
        eps=f.number("layer_norm_epsilon", 1e-5),
        classes=f.classes() if head == "cls" else 0,
        pad=f.pad(vocab) if head == "cls" else None,
    )


def write(c):
    """The fields of a GPT-2 config.json for a TransformerConfig."""
    return {
        "vocab_size": c.vocab,
        "n_embd": c.dim,
        "n_layer": c.layers,
        "n_head": c.heads,
        "n_inner": c.hidden,
        "n_positions": c.length,
        "activation_function": THEIRS.get(c.activation),
        "tie_word_embeddings": c.tied,
        "layer_norm_epsilon": c.eps,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), c.dropout),
    }


def rows(config):
    yield from layer("wte", "embed", False)
    yield from layer("wpe", "position", False)
    for i in range(config.layers):
        a, b = f"h.{i}.", f"blocks.{i}."
        qkv = (f"{b}attn.q", f"{b}attn.k", f"{b}attn.v")
        yield from layer(f"{a}ln_1", f"{b}norm1", True)
        yield from layer(f"{a}attn.c_attn", qkv, True, transposed=True)
        yield from layer(f"{a}attn.c_proj", f"{b}attn.o", True, transposed=True)
        yield from layer(f"{a}ln_2", f"{b}norm2", True)
        yield from layer(f"{a}mlp.c_fc", f"{b}mlp.up", True, transposed=True)
        yield from layer(f"{a}mlp.c_proj", f"{b}mlp.down", True, transposed=True)
    yield from layer("ln_f", "norm", True)
    yield from decoder_head(config)


def decoder_head(config):
    """The rows of what follows a decoder: a head of its own, or the scores."""
    if config.head == "lm" and not config.tied:
        yield from layer("lm_head", "head", False)
    if config.head == "cls":
        yield from layer("score", "head", False)


def other_heads(config):
    """Patterns of the heads that the config does not take."""
    dropped = {"lm": [], "cls": [r"lm_head\.weight"]}
    return dropped.get(config.head, [r"lm_head\.weight", r"score\.weight"])


def extras(config):
    copies = {"lm_head.weight": "wte.weight"} if _tied(config) else {}
    return copies, [r"h\.\d+\.attn\.(masked_)?bias", *other_heads(config)]


def _tied(config):
    return config.tied and config.head == "lm"


FORMAT = Format(rows, extras, "transformer.", ("lm_head.", "score."), "lm_head")
