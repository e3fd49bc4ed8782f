"""L4: what a language model is trained for, from continued pretraining on."""

from tinyft.objectives.language import (
    bits_per_byte,
    byte_count,
    causal,
    lm_loss,
    mask_tokens,
    masked,
    replay,
    text_bits,
)

__all__ = [
    "bits_per_byte",
    "byte_count",
    "causal",
    "lm_loss",
    "mask_tokens",
    "masked",
    "replay",
    "text_bits",
]
