"""Skip-gram with negative sampling: a word's vector predicts the words around it.

    loss of one pair = −ln σ(v_w·u_c) − Σ_k ln σ(−v_w·u_n)     n drawn from the noise q  (1)

Each word has two vectors, v as a centre and u as a context; v is what is used later. For
all pairs together the best score v_w·u_c is known: shifted_pmi.py.
Source: Mikolov et al. 2013 (arXiv:1310.4546).
"""

from tinyft import nn, ops
from tinyft.autograd.tensor import Tensor
from tinyft.models.classic.sampling import negatives
from tinyft.nn import init
from tinyft.ops.operands import wrap


class SkipGram(nn.Module):
    """Vectors `centre` (V, d), uniform on ±1/(2d), and `context` (V, d), zero: as word2vec.

    words: V; dim: d; rng an integer seed or a generator.
    """

    def __init__(self, words, dim, rng=None, dtype=None):
        rng = init.seeded(rng)
        self.centre = nn.Embedding(words, dim, rng=rng, dtype=dtype)
        self.context = nn.Embedding(words, dim, rng=rng, dtype=dtype)
        init.uniform_(self.centre.weight, -0.5 / dim, 0.5 / dim, rng)
        init.zeros_(self.context.weight)

    def forward(self, centres, contexts, noise):
        """(1), the mean over B pairs: centres and contexts (B,) ids, noise (B, k) ids or
        −1 for a negative that was left out. Raises ValueError for other shapes."""
        w, c, n = (wrap(a) for a in (centres, contexts, noise))
        if w.ndim != 1 or c.shape != w.shape or n.ndim != 2 or len(n) != len(w):
            raise ValueError(
                "SkipGram: centres and contexts should be (B,) and negatives (B, k), got "
                f"{w.shape}, {c.shape} and {n.shape}"
            )
        v = ops.expand_dims(self.centre(w), 1)  # (B, 1, d)
        there = Tensor._of((n._data >= 0).astype(v.dtype), None)
        near = ops.sum(v * ops.expand_dims(self.context(c), 1), axis=-1)  # (B, 1)
        far = ops.sum(v * self.context(ops.maximum(n, 0)), axis=-1)  # (B, k)
        lost = ops.sum(ops.logsigmoid(near)) + ops.sum(ops.logsigmoid(-far) * there)
        return -lost / len(w)


def batches(rng, centres, contexts, q, k=5, batch_size=1024, equal="skip"):
    """One epoch: yields (centres, contexts, negatives) in random order, as forward takes
    them; `training.fit` walks it again each epoch when given `lambda: batches(...)`."""
    order = rng.permutation(len(centres))
    for i in range(0, len(order), batch_size):
        rows = order[i : i + batch_size]
        yield centres[rows], contexts[rows], negatives(rng, contexts[rows], k, q, equal)
