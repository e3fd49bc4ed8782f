"""L4: what a language model is trained for; the chapters from 21 on will fill it."""

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
    "Pattern",
    "PatternClassifier",
    "Prompts",
    "Verbalizer",
    "mask_logits",
    "untie",
    "write_bias",
    "write_token",
]
