"""Byte-level BPE with a vocabulary that is given: GPT-2, Llama 3, Qwen, SmolLM2.

As data/bpe.py, but ids are a file's. A byte is written as a letter: those that print
stand for themselves, the other 68 for U+0100 onwards, so that the blank is "Ġ" and a
vocabulary is readable text. Source: bytes_to_unicode in GPT-2's encoder.py.
"""

import unicodedata
from itertools import pairwise

from tinyft.data.bpe import CACHED_WORDS, merge, to_bytes
from tinyft.data.public.base import PublicTokenizer
from tinyft.data.splits import NAMES, split
from tinyft.data.tokenizer import TokenizerError

PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
HIDDEN = [b for b in range(256) if b not in PRINTED]
LETTERS = {b: b for b in PRINTED} | {b: 256 + i for i, b in enumerate(HIDDEN)}
BYTES = {letter: b for b, letter in LETTERS.items()}
# A token with a character that is no letter was added by hand and means itself.
BYTES |= {c: 0xFFFF for c in range(256) if c not in BYTES}


class ByteLevelBPE(PublicTokenizer):
    """tokens, specials, roles, before, after, template: as PublicTokenizer.

    merges: pairs of tokens, the earliest first. words: the pre-split, one of
    splits.NAMES. whole: a word that is a token is taken as it is (Llama 3). normal: "NFC"
    (Qwen), or None. unknown: the token for a byte that the vocabulary lacks (SmolLM2 has
    no control characters); None drops the byte, as the models' own tokenizers do.
    """

    kind = "byte_level"

    def __init__(
        self,
        tokens,
        merges,
        words="gpt2",
        whole=False,
        normal=None,
        unknown=None,
        **options,
    ):
        super().__init__(tokens, **options)
        self.unknown = None if unknown is None else self.token_id(unknown)
        if words not in NAMES:
            raise TokenizerError(f"the pre-split {words!r} is not one of {NAMES}")
        self.merges = [tuple(pair) for pair in merges]
        self.words, self.whole, self.normal = words, bool(whole), normal
        self._ranks = self._table()
        self._pieces = [_bytes(token) for token in self.tokens]
        self._cache = {}

    def _table(self):
        """{(id, id): (rank, id of the two together)}."""
        ranks, ids = {}, self._ids
        for rank, pair in enumerate(self.merges):
            both = "".join(pair)
            if len(pair) != 2 or not {*pair, both} <= ids.keys():
                raise TokenizerError(
                    f"merge number {rank}, {pair}, needs two tokens and their joint, and "
                    "the vocabulary does not have them all"
                )
            key = ids[pair[0]], ids[pair[1]]
            if key in ranks:
                raise TokenizerError(f"merge number {rank}, {pair}, is there twice")
            ranks[key] = rank, ids[both]
        return ranks

    def _encode(self, text):
        if self.normal:
            text = unicodedata.normalize(self.normal, text)
        ids = []
        for word in split(self.words)(text):
            if word not in self._cache:
                if len(self._cache) >= CACHED_WORDS:
                    self._cache.clear()
                self._cache[word] = self._encode_word(word)
            ids += self._cache[word]
        return ids

    def _encode_word(self, word):
        """Apply the merges to one word, always the earliest first."""
        letters = to_bytes(word).decode("latin-1").translate(LETTERS)
        if self.whole and letters in self._ids:
            return [self._ids[letters]]
        ids = [self._ids.get(letter, self.unknown) for letter in letters]
        ids = [i for i in ids if i is not None]
        never = (len(self.merges), -1)
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda p: self._ranks.get(p, never))
            if pair not in self._ranks:
                break
            ids = merge(ids, pair, self._ranks[pair][1])
        return ids

    def _decode(self, ids):
        """Join the bytes; bytes that are not UTF-8 (a cut character) become U+FFFD."""
        return b"".join(self._pieces[i] for i in ids).decode("utf-8", "replace")

    def _state(self):
        unknown = None if self.unknown is None else self.tokens[self.unknown]
        own = {"words": self.words, "whole": self.whole, "normal": self.normal}
        return super()._state() | {"merges": self.merges, "unknown": unknown, **own}


def _bytes(token):
    """The bytes that a token stands for."""
    try:
        return token.translate(BYTES).encode("latin-1")
    except UnicodeEncodeError:
        return to_bytes(token)
