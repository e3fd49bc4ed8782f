"""Real data that ships with tinyft, tokenizers, and batches: host arrays only."""

from tinyft import later
from tinyft.data.batches import (
    IGNORE,
    batches,
    check_range,
    check_rng_state,
    few_shot,
    lm_batch,
    rng_state,
    set_rng_state,
)
from tinyft.data.bpe import BPETokenizer
from tinyft.data.digits import SHIFTS, load_digits, shift
from tinyft.data.files import SHA256, DataError
from tinyft.data.images import normalised
from tinyft.data.masking import mask_tokens, mlm_batch
from tinyft.data.stream import BatchStream
from tinyft.data.text import domains, load_text
from tinyft.data.tokenizer import CharTokenizer, Tokenizer, TokenizerError

__all__ = [
    "IGNORE",
    "SHA256",
    "SHIFTS",
    "BPETokenizer",
    "Batch",
    "BatchStream",
    "ByteLevelBPE",
    "CharTokenizer",
    "DataError",
    "Tokenizer",
    "TokenizerError",
    "WordPiece",
    "batches",
    "check_range",
    "check_rng_state",
    "domains",
    "few_shot",
    "lm_batch",
    "load_digits",
    "load_text",
    "load_tokenizer",
    "mask_tokens",
    "mlm_batch",
    "normalised",
    "rng_state",
    "set_rng_state",
    "shift",
]

__getattr__, __dir__ = later.names(
    "tinyft.data", {"tinyft.data.public": "Batch ByteLevelBPE WordPiece load_tokenizer"}
)
