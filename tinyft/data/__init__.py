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
from tinyft.data.bpe import BPETokenizer, load_own
from tinyft.data.digits import SHIFTS, load_digits, shift
from tinyft.data.files import SHA256, DataError
from tinyft.data.held_out import masked_rows, masked_tokens, next_tokens
from tinyft.data.images import normalised
from tinyft.data.instructions import (
    instruction,
    instruction_tasks,
    instruction_tokenizer,
    instruction_words,
    instructions,
)
from tinyft.data.masking import mask_tokens, mlm_batch
from tinyft.data.stream import BatchStream
from tinyft.data.text import domains, load_text, words
from tinyft.data.tokenizer import CharTokenizer, Tokenizer, TokenizerError
from tinyft.data.verses import Verses, load_verses

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
    "Verses",
    "WordPiece",
    "batches",
    "check_range",
    "check_rng_state",
    "domains",
    "few_shot",
    "instruction",
    "instruction_tasks",
    "instruction_tokenizer",
    "instruction_words",
    "instructions",
    "lm_batch",
    "load_digits",
    "load_own",
    "load_text",
    "load_tokenizer",
    "load_verses",
    "mask_tokens",
    "masked_rows",
    "masked_tokens",
    "mlm_batch",
    "next_tokens",
    "normalised",
    "rng_state",
    "set_rng_state",
    "shift",
    "words",
]

__getattr__, __dir__ = later.names(
    "tinyft.data", {"tinyft.data.public": "Batch ByteLevelBPE WordPiece load_tokenizer"}
)
