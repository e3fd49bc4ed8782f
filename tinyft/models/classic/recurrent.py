"""An LSTM that reads a text word by word and classifies what it has read.

    h_1 .. h_n = LSTM(e_1 .. e_n)          e_t: the vector of word t
    logits = W s + b,      s = (1/n) Σ h_t  ("mean")  or  h_n  ("last")

"last" has to carry the first words through all the steps that follow; "mean" gives each
step a direct way to the loss. Padding is never read: `lengths` says where a text ends.
The vectors may start as those of skip-gram, learned without labels, frozen or not.
Source: Hochreiter, Schmidhuber 1997; Collobert et al. 2011 for vectors learned before.
"""

from tinyft import backend, nn, ops
from tinyft.autograd.tensor import Tensor
from tinyft.ops.operands import wrap

POOLS = ("mean", "last")


class LSTMClassifier(nn.Module):
    """Logits (B, K) for ids (B, T) and lengths (B,), both from `Vocabulary.padded`.

    words: V, the size of the vocabulary; the embedding has a row more, for words it lacks.
    vectors: (V, dim), copied into its first V rows, the last is then 0; frozen: they
    are not trained. dropout: of the pooled state, in training mode; rng an integer seed
    or a generator. Raises ValueError for another pool and for vectors of another shape.
    """

    def __init__(
        self,
        words,
        dim,
        hidden,
        classes=2,
        pool="mean",
        vectors=None,
        frozen=False,
        dropout=0.0,
        rng=None,
        dtype=None,
    ):
        if pool not in POOLS:
            raise ValueError(f"LSTMClassifier: pool={pool!r} is not one of {POOLS}")
        if frozen and vectors is None:
            raise ValueError(
                "LSTMClassifier: frozen=True without vectors would keep random ones for "
                "good; give vectors (V, dim)"
            )
        rng, self.pool = nn.init.seeded(rng), pool
        self.embedding = nn.Embedding(words + 1, dim, rng=rng, dtype=dtype)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True, rng=rng, dtype=dtype)
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.head = nn.Linear(hidden, classes, rng=rng, dtype=dtype)
        if vectors is not None:
            self._start_from(vectors, (words, dim))
        self.embedding.weight.requires_grad_(not frozen)

    def _start_from(self, vectors, shape):
        vectors, weight = wrap(vectors)._data, self.embedding.weight
        if vectors.shape != shape:
            raise ValueError(
                f"LSTMClassifier: vectors have shape {vectors.shape}, expected {shape}: "
                "one row per word of the vocabulary, without one for unknown words"
            )
        xp = backend.xp_of(weight.data)
        rows = xp.zeros(weight.shape, weight.dtype)
        rows[:-1] = backend.to(vectors, weight.device)
        weight.data = rows

    def forward(self, ids, lengths):
        """Raises ValueError for lengths outside 1..T, IndexError for ids outside 0..V."""
        lengths = backend.asnumpy(wrap(lengths)._data)
        y, (h, _) = self.lstm(self.embedding(ids), lengths=lengths)
        if self.pool == "mean":  # y is 0 beyond the end of a text
            n = backend.to(lengths.astype(y.dtype)[:, None], y.device)
            h = ops.sum(y, axis=1) / Tensor._of(n, None)
        else:
            h = h[-1]
        return self.head(self.dropout(h))
