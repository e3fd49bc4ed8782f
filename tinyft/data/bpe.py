"""Byte-level byte-pair encoding: start from the 256 bytes, merge the commonest pair.

    repeat: (a, b) = the pair of neighbouring tokens with the largest count
            new token ab := bytes(a) + bytes(b), replaced everywhere

Every Unicode string has an exact round trip, because any byte is a token. Merges stay
inside the words of GPT-2's pre-split (splits.py). Sources: Sennrich, Haddow, Birch 2016
(arXiv:1508.07909); Radford et al. 2019 (GPT-2), section 2.2.
"""

import heapq
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from tinyft.data.splits import split
from tinyft.data.tokenizer import CharTokenizer, Tokenizer, TokenizerError

CACHED_WORDS = 100_000
# A merge can double a token, so a list of 32 of them could fill the memory.
LONGEST = 4096  # bytes of one token; GPT-2's longest has 128
TOTAL = 2**26  # bytes of all tokens


def to_bytes(text):
    """UTF-8, with lone surrogates let through so that any str has a round trip."""
    return text.encode("utf-8", "surrogatepass")


def merge(ids, pair, new):
    """Replace each occurrence of `pair` in `ids`, from the left, by `new`."""
    out, i = [], 0
    while i < len(ids):
        hit = i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def learn_merges(text, count):
    """Return up to `count` pairs, commonest first; ties go to the smallest (a, b).

    Counts are kept up to date: a merge visits only the words that hold its pair. Stops
    early when no pair occurs twice. A token is never longer than LONGEST bytes.
    """
    words = Counter(split("gpt2")(text))
    ids = [list(to_bytes(word)) for word in words]
    often = list(words.values())
    counts, places = Counter(), defaultdict(set)
    for w, word in enumerate(ids):
        for pair in pairwise(word):
            counts[pair] += often[w]
            places[pair].add(w)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)
    merges, lengths = [], [1] * 256
    while heap and len(merges) < count:
        n, pair = heapq.heappop(heap)
        if -n != counts[pair]:  # an older entry: the count has changed since
            continue
        if -n < 2:
            break
        length = lengths[pair[0]] + lengths[pair[1]]
        if length > LONGEST:
            continue
        lengths.append(length)
        changed = _apply(pair, 256 + len(merges), ids, often, counts, places)
        merges.append(pair)
        for other in changed:
            if counts[other] > 0:
                heapq.heappush(heap, (-counts[other], other))
    return merges


def _apply(pair, new, ids, often, counts, places):
    """Merge `pair` in the words that hold it; return the pairs whose counts moved."""
    changed = set()
    for w in places.pop(pair):
        old, ids[w] = ids[w], merge(ids[w], pair, new)
        for other in pairwise(old):
            counts[other] -= often[w]
            changed.add(other)
        for other in pairwise(ids[w]):
            counts[other] += often[w]
            places[other].add(w)
            changed.add(other)
    return changed


def merged_pieces(merges):
    """The bytes of every token; TokenizerError for a list that is broken or explodes."""
    pieces, total = [bytes([b]) for b in range(256)], 0
    for a, b in merges:
        if not 0 <= min(a, b) <= max(a, b) < len(pieces):
            raise TokenizerError(
                f"BPETokenizer: merge ({a}, {b}) uses a token that does not exist "
                f"before it (there are {len(pieces)}); the list is broken."
            )
        length = len(pieces[a]) + len(pieces[b])
        total += length
        if length > LONGEST or total > TOTAL:
            raise TokenizerError(
                f"BPETokenizer: merge number {len(pieces) - 256}, ({a}, {b}), makes a "
                f"token of {length} bytes, {total} in all; at most {LONGEST} and {TOTAL} "
                "are allowed. No training text gives such a list; it is broken."
            )
        pieces.append(pieces[a] + pieces[b])
    return pieces


class BPETokenizer(Tokenizer):
    """Ids: 256 bytes, then one token a merge, then the special tokens."""

    kind = "bpe"

    def __init__(self, merges=(), specials=()):
        self.merges = [tuple(pair) for pair in merges]
        self.pieces = merged_pieces(self.merges)
        super().__init__(len(self.pieces), specials)
        self._rank = {pair: r for r, pair in enumerate(self.merges)}
        self._cache = {}

    @classmethod
    def train(cls, text, vocab_size, specials=()):
        """Learn from `text` a vocabulary of at most `vocab_size`, specials included.

        A short text may give fewer tokens: `len(tokenizer)` says how many. The same
        text gives the same tokenizer on every machine.
        """
        count = vocab_size - 256 - len(specials)
        if count < 0:
            raise TokenizerError(
                f"BPETokenizer.train: vocab_size={vocab_size} has no room for 256 "
                f"bytes and {len(specials)} special tokens; ask for "
                f"{256 + len(specials)} or more."
            )
        if not text:
            raise TokenizerError(
                "BPETokenizer.train: the text is empty, so there is nothing to count. "
                "Pass the training text, for example load_text('bible')."
            )
        return cls(learn_merges(text, count), specials)

    def _encode(self, text):
        ids = []
        for word in split("gpt2")(text):
            if word not in self._cache:
                if len(self._cache) >= CACHED_WORDS:
                    self._cache.clear()
                self._cache[word] = self._encode_word(word)
            ids += self._cache[word]
        return ids

    def word_ids(self, text):
        """Which word each token of `encode(text)` belongs to: 0, 0, 1, 2, ...  (T,).

        A word is a piece of the pre-split, with the blank before it: no merge crosses it.
        """
        sizes = [len(self._encode(word)) for word in split("gpt2")(text)]
        return np.repeat(np.arange(len(sizes)), sizes)

    def _encode_word(self, word):
        return self.encode_bytes(to_bytes(word))

    def encode_bytes(self, piece):
        """Ids of the bytes of one word: the merges, always the earliest-learnt first."""
        ids, never = list(piece), len(self.merges)
        while len(ids) > 1:
            rank, pair = min((self._rank.get(p, never), p) for p in pairwise(ids))
            if rank == never:
                break
            ids = merge(ids, pair, 256 + rank)
        return ids

    def _decode(self, ids):
        """Join the bytes; bytes that are not UTF-8 (a cut character) become U+FFFD."""
        joined = b"".join(self.pieces[i] for i in ids)
        try:
            return joined.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return joined.decode("utf-8", "replace")

    def _state(self):
        return {"merges": self.merges}

    @classmethod
    def _from_state(cls, state):
        return cls(state["merges"], tuple(state["specials"]))


def load_own(path):
    """The tokenizer that `save` wrote, of characters or of byte pairs.

    Raises TokenizerError for a broken file.
    """
    is_char = b'"kind": "char"' in Path(path).read_bytes()
    return (CharTokenizer if is_char else BPETokenizer).load(path)
