"""BERT and RoBERTa: one encoder, two ways to count positions and to name the heads.

RoBERTa's positions start at pad_token_id + 1 and count the ids that are not padding;
its table has max_position_embeddings rows for so many fewer tokens.
"""

from tinyft.io.huggingface.fields import THEIRS
from tinyft.io.huggingface.names import Format, layer
from tinyft.models import TransformerConfig


def read(f, head="none", pooler=None):
    """The TransformerConfig of BERT's fields; dropout stays 0.

    pooler: whether the file has one; None: without a head. Classifiers read it.
    """
    f.only(position_embedding_type="absolute")
    dim, heads = f.size("hidden_size"), f.size("num_attention_heads")
    f.divides("num_attention_heads", heads, "hidden_size", dim)
    return TransformerConfig(
        vocab=f.size("vocab_size"),
        dim=dim,
        layers=f.size("num_hidden_layers"),
        heads=heads,
        hidden=f.size("intermediate_size"),
        length=f.size("max_position_embeddings"),
        pre_norm=False,
        activation=f.activation("hidden_act", "gelu"),
        causal=False,
        tied=f.flag("tie_word_embeddings", True),
        head=head,
        types=f.size("type_vocab_size", 2),
        pooler=head == "cls" or (head == "none" if pooler is None else pooler),
        eps=f.number("layer_norm_eps", 1e-12),
        classes=f.classes() if head == "cls" else 0,
    )


def write(c):
    """The fields of a BERT config.json for a TransformerConfig."""
    return {
        "vocab_size": c.vocab,
        "hidden_size": c.dim,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "intermediate_size": c.hidden or 4 * c.dim,
        "hidden_act": THEIRS.get(c.activation),
        "max_position_embeddings": c.length,
        "type_vocab_size": c.types,
        "layer_norm_eps": c.eps,
        "tie_word_embeddings": c.tied,
        "hidden_dropout_prob": c.dropout,
        "attention_probs_dropout_prob": c.dropout,
    }


def body(config):
    """The rows of the encoder, the same for both families."""
    for theirs, ours in (
        ("word", "embed"),
        ("position", "position"),
        ("token_type", "type"),
    ):
        if ours != "type" or config.types:
            yield from layer(f"embeddings.{theirs}_embeddings", ours, False)
    yield from layer("embeddings.LayerNorm", "norm", True)
    for i in range(config.layers):
        a, b = f"encoder.layer.{i}.", f"blocks.{i}."
        for theirs in ("query", "key", "value"):
            yield from layer(
                f"{a}attention.self.{theirs}", f"{b}attn.{theirs[0]}", True
            )
        yield from layer(f"{a}attention.output.dense", f"{b}attn.o", True)
        yield from layer(f"{a}attention.output.LayerNorm", f"{b}norm1", True)
        yield from layer(f"{a}intermediate.dense", f"{b}mlp.up", True)
        yield from layer(f"{a}output.dense", f"{b}mlp.down", True)
        yield from layer(f"{a}output.LayerNorm", f"{b}norm2", True)


def rows(config):
    yield from body(config)
    if config.pooler:
        yield from layer("pooler.dense", "pooler", True)
    if config.head == "mlm":
        head = "cls.predictions."
        yield from layer(f"{head}transform.dense", "head.transform", True)
        yield from layer(f"{head}transform.LayerNorm", "head.norm", True)
        yield from mlm_decoder(config, f"{head}decoder", f"{head}bias")
    if config.head == "cls":
        yield from layer("classifier", "head", True)


def extras(config):
    copies = mlm_copies(config, "cls.predictions.decoder", "cls.predictions.bias")
    dropped = [r"embeddings\.position_ids", r"cls\.seq_relationship\..*"]
    unused = [] if config.tied else [r"cls\.predictions\.bias"]
    dropped += unused if config.head == "mlm" else [r"cls\.predictions\..*"]
    dropped += [] if config.head == "cls" else [r"classifier\..*"]
    return copies, dropped + ([] if config.pooler else [r"pooler\..*"])


def mlm_decoder(config, decoder, bias):
    """The rows of the last matrix: a tied one has no row, its bias another name."""
    if config.tied:
        yield bias, ("head.decoder.bias",), False
    else:
        yield from layer(decoder, "head.decoder", True)


def mlm_copies(config, decoder, bias):
    """Second names of a masked-token head's bias and matrix; see names.Format."""
    if config.head != "mlm":
        return {}
    if not config.tied:  # transformers 5 keeps it and does not use it
        return {bias: f"{decoder}.bias"}
    word = "embeddings.word_embeddings.weight"
    return {f"{decoder}.bias": bias, f"{decoder}.weight": word}


FORMAT = Format(
    rows, extras, "bert.", ("cls.", "classifier."), "cls.predictions.decoder"
)
