"""One small codec per method or family that Hugging Face PEFT knows; see codec.py."""

from tinyft.peft.huggingface.codecs import (
    adalora,
    ia3,
    lora,
    lycoris,
    miss,
    orthogonal,
    prompts,
    vera,
)
from tinyft.peft.huggingface.codecs.codec import (
    PREFIX,
    codec_for,
    codec_of,
    readable,
)

__all__ = [
    "PREFIX",
    "adalora",
    "codec_for",
    "codec_of",
    "ia3",
    "lora",
    "lycoris",
    "miss",
    "orthogonal",
    "prompts",
    "readable",
    "vera",
]
