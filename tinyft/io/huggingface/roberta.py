"""RoBERTa, also as XLM-RoBERTa and CamemBERT: BERT with positions from pad + 1.

Positions count the ids that are not padding; the table of max_position_embeddings rows
serves pad + 1 fewer tokens. The classifier has the pooler inside its head.
"""

from dataclasses import replace

from tinyft.io.huggingface import bert
from tinyft.io.huggingface.names import Format, layer


def read(f, head="none", pooler=None):
    """The TransformerConfig of RoBERTa's fields; see bert.read."""
    config = bert.read(f, head, pooler)
    if head == "mlm":
        f.only(hidden_act="gelu")  # the head's own, whatever the blocks have
    pad = f.pad(config.vocab, 1)
    if pad is None or pad + 1 >= config.length:
        raise ValueError(
            f"{f.where}: pad_token_id={pad!r}: positions start behind the id of "
            "the padding, which must be given and be below max_position_embeddings - 1"
        )
    length = config.length - pad - 1
    return replace(config, positions="roberta", pad=pad, length=length)


def write(c):
    """The fields of a RoBERTa config.json for a TransformerConfig."""
    rows = c.length + 1 + (c.pad or 0)
    return bert.write(c) | {"max_position_embeddings": rows}


def rows(config):
    yield from bert.body(config)
    inside = config.head == "cls"
    if config.pooler:
        yield from layer(
            "classifier.dense" if inside else "pooler.dense", "pooler", True
        )
    if inside:
        yield from layer("classifier.out_proj", "head", True)
    if config.head == "mlm":
        yield from layer("lm_head.dense", "head.transform", True)
        yield from layer("lm_head.layer_norm", "head.norm", True)
        yield from bert.mlm_decoder(config, "lm_head.decoder", "lm_head.bias")


def extras(config):
    copies = bert.mlm_copies(config, "lm_head.decoder", "lm_head.bias")
    dropped = [r"embeddings\.position_ids"]
    unused = [] if config.tied else [r"lm_head\.bias"]
    dropped += unused if config.head == "mlm" else [r"lm_head\..*"]
    dropped += [] if config.head == "cls" else [r"classifier\..*"]
    alone = config.pooler and config.head != "cls"
    return copies, dropped + ([] if alone else [r"pooler\..*"])


FORMAT = Format(
    rows, extras, "roberta.", ("lm_head.", "classifier."), "lm_head.decoder"
)
