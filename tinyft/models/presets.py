"""The published shapes of GPT-2, BERT and Llama, and small ones for the chapters.

`changes` are fields of TransformerConfig: gpt2_tiny(layers=4, dropout=0.1).
"""

from dataclasses import replace

from tinyft.models.config import BERT, GPT2, LLAMA, TINY
from tinyft.models.transformer import Transformer


def gpt2(rng=None, dtype=None, **changes):
    """GPT-2 small, 124,439,808 parameters."""
    return Transformer(replace(GPT2, **changes), rng, dtype)


def bert(rng=None, dtype=None, **changes):
    """BERT-base, the encoder with its pooler, 109,482,240 parameters."""
    return Transformer(replace(BERT, **changes), rng, dtype)


def llama(rng=None, dtype=None, **changes):
    """Llama 7B's shape, 6,738,415,616 parameters: change its sizes to run it."""
    return Transformer(replace(LLAMA, **changes), rng, dtype)


def gpt2_tiny(rng=None, dtype=None, **changes):
    """GPT-2's shape in small: 2 layers of width 64."""
    return gpt2(rng, dtype, **{**TINY, **changes})


def bert_tiny(rng=None, dtype=None, **changes):
    """BERT's shape in small, with its MLM head."""
    head = {"head": "mlm", "types": 0, "pooler": False}
    return bert(rng, dtype, **{**TINY, **head, **changes})


def llama_tiny(rng=None, dtype=None, **changes):
    """Llama's shape in small, with grouped queries."""
    shape = {"kv_heads": 2, "hidden": 128}
    return llama(rng, dtype, **{**TINY, **shape, **changes})


def louder(model):
    """The model with the matrices of its blocks times 4."""
    for p in model.blocks.parameters():
        if p.ndim > 1:
            p.data *= 4.0
    return model
