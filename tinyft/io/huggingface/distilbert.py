"""DistilBERT: BERT without token types, its norms fixed at 1e-12, its own names."""

from tinyft.io.huggingface.fields import THEIRS
from tinyft.io.huggingface.names import Format, layer
from tinyft.models import TransformerConfig

PARTS = (
    ("attention.q_lin", "attn.q"),
    ("attention.k_lin", "attn.k"),
    ("attention.v_lin", "attn.v"),
    ("attention.out_lin", "attn.o"),
    ("sa_layer_norm", "norm1"),
    ("ffn.lin1", "mlp.up"),
    ("ffn.lin2", "mlp.down"),
    ("output_layer_norm", "norm2"),
)


def read(f, head="none", pooler=None):
    """The TransformerConfig of DistilBERT's fields; only a classifier has a pooler."""
    dim, heads = f.size("dim"), f.size("n_heads")
    f.divides("n_heads", heads, "dim", dim)
    return TransformerConfig(
        vocab=f.size("vocab_size"),
        dim=dim,
        layers=f.size("n_layers"),
        heads=heads,
        hidden=f.size("hidden_dim"),
        length=f.size("max_position_embeddings"),
        pre_norm=False,
        activation=f.activation("activation", "gelu"),
        causal=False,
        tied=f.flag("tie_word_embeddings", True),
        head=head,
        pooler="relu" if head == "cls" else False,
        eps=1e-12,
        classes=f.classes() if head == "cls" else 0,
    )


def write(c):
    """The fields of a DistilBERT config.json for a TransformerConfig."""
    dropouts = ("dropout", "attention_dropout", "seq_classif_dropout")
    return {
        "vocab_size": c.vocab,
        "dim": c.dim,
        "n_layers": c.layers,
        "n_heads": c.heads,
        "hidden_dim": c.hidden or 4 * c.dim,
        "activation": THEIRS.get(c.activation),
        "max_position_embeddings": c.length,
        "tie_word_embeddings": c.tied,
        **dict.fromkeys(dropouts, c.dropout),
    }


def rows(config):
    yield from layer("embeddings.word_embeddings", "embed", False)
    yield from layer("embeddings.position_embeddings", "position", False)
    yield from layer("embeddings.LayerNorm", "norm", True)
    for i in range(config.layers):
        for theirs, ours in PARTS:
            yield from layer(
                f"transformer.layer.{i}.{theirs}", f"blocks.{i}.{ours}", True
            )
    if config.head == "mlm":
        yield from layer("vocab_transform", "head.transform", True)
        yield from layer("vocab_layer_norm", "head.norm", True)
        yield "vocab_projector.bias", ("head.decoder.bias",), False
        if not config.tied:
            yield "vocab_projector.weight", ("head.decoder.weight",), False
    if config.head == "cls":
        yield from layer("pre_classifier", "pooler", True)
        yield from layer("classifier", "head", True)


def extras(config):
    tied = config.tied and config.head == "mlm"
    word = "embeddings.word_embeddings.weight"
    dropped = [r"embeddings\.position_ids"]
    dropped += [] if config.head == "mlm" else [r"vocab_\w+\..*"]
    dropped += [] if config.head == "cls" else [r"(pre_)?classifier\..*"]
    return ({"vocab_projector.weight": word} if tied else {}), dropped


FORMAT = Format(
    rows,
    extras,
    "distilbert.",
    ("vocab_", "pre_classifier.", "classifier."),
    "vocab_projector",
)
