"""L4: what a language model is trained for: masks, patterns, targets, denominators."""

from tinyft.objectives.instruction import (
    OBJECTIVES,
    Example,
    Template,
    accumulate,
    answer_mask,
    chat_batch,
    chat_examples,
    collate,
    counted,
    fitted,
    one_bos,
    sft_loss,
    shifted,
    there,
)
from tinyft.objectives.packing import (
    Packed,
    block_mask,
    filled,
    inputs_of,
    pack,
    packed_loss,
)
from tinyft.objectives.pattern import Pattern, Prompts
from tinyft.objectives.pattern_exploiting import (
    PatternClassifier,
    mask_logits,
    untie,
    write_bias,
    write_token,
)
from tinyft.objectives.verbalizer import Verbalizer

__all__ = [
    "OBJECTIVES",
    "Example",
    "Packed",
    "Pattern",
    "PatternClassifier",
    "Prompts",
    "Template",
    "Verbalizer",
    "accumulate",
    "answer_mask",
    "block_mask",
    "chat_batch",
    "chat_examples",
    "collate",
    "counted",
    "filled",
    "fitted",
    "inputs_of",
    "mask_logits",
    "one_bos",
    "pack",
    "packed_loss",
    "sft_loss",
    "shifted",
    "there",
    "untie",
    "write_bias",
    "write_token",
]
