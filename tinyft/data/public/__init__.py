"""Tokenizers of public models: WordPiece and byte-level BPE, read from their files."""

from tinyft.data.public.base import Batch
from tinyft.data.public.byte_level import ByteLevelBPE
from tinyft.data.public.read import load_tokenizer
from tinyft.data.public.wordpiece import WordPiece

__all__ = ["Batch", "ByteLevelBPE", "WordPiece", "load_tokenizer"]
