"""L4: what a language model is trained for: masks, targets, denominators."""

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

__all__ = [
    "OBJECTIVES",
    "Example",
    "Packed",
    "Template",
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
    "one_bos",
    "pack",
    "packed_loss",
    "sft_loss",
    "shifted",
    "there",
]
