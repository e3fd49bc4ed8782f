"""Which words a classic model knows, and how texts become counts or rows of ids.

    vocabulary = Vocabulary(labelled)      the words of these texts and of no others
    vocabulary.counts(texts)               (n, V): how often each word stands in each text
    vocabulary.padded(texts)               ids (n, T) and lengths (n,), for a recurrent net

Words are those of `data.words`. A word that was not in the texts given at the start has
no number: `counts` leaves it out, `padded` gives all such words the number V.
"""

from collections import Counter

from tinyft import backend
from tinyft.models.classic.given import rows_of

HOST = backend.host()


class Vocabulary:
    """The words of `texts` that occur `least` times or more, the most frequent first.

    words (V,) list of str; index {word: 0 .. V-1}; frequencies (V,) how often each occurs.
    Words of equal frequency are in alphabetical order. Raises ValueError for a text
    without a word, and if no word is frequent enough.
    """

    def __init__(self, texts, least=1):
        total = Counter(word for row in rows_of("Vocabulary", texts) for word in row)
        found = sorted((-n, word) for word, n in total.items() if n >= least)
        if not found:
            raise ValueError(
                f"Vocabulary: none of {len(total)} words occurs {least} times or more; "
                "lower `least`"
            )
        self.words = [word for _, word in found]
        self.index = {word: i for i, word in enumerate(self.words)}
        self.frequencies = HOST.array([-n for n, _ in found])

    def __len__(self):
        return len(self.words)

    def ids(self, texts):
        """The known words of each text as numbers: n lists of int, some may be empty."""
        split = rows_of("Vocabulary.ids", texts)
        return [[self.index[w] for w in row if w in self.index] for row in split]

    def counts(self, texts):
        """How often word v stands in text i: (n, V) float64, unknown words left out."""
        ids = self.ids(texts)
        row = HOST.repeat(range(len(ids)), list(map(len, ids)))
        cell = row * len(self) + HOST.array(
            [v for found in ids for v in found], "int64"
        )
        flat = HOST.bincount(cell, minlength=len(ids) * len(self))
        return backend.create(flat.reshape(len(ids), -1).astype("float64"))

    def padded(self, texts):
        """ids (n, T) int64 and lengths (n,): T is the longest text, V an unknown word.

        The places beyond a text's length hold V too; `lengths` says that nobody reads
        them.
        """
        split = rows_of("Vocabulary.padded", texts)
        lengths = HOST.array(list(map(len, split)))
        ids = HOST.full((len(split), lengths.max()), len(self))
        for to, row in zip(ids, split):
            to[: len(row)] = [self.index.get(word, len(self)) for word in row]
        return backend.create(ids), lengths
