"""Embedding: one row of the weight for each id."""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Module
from tinyft.nn.shape import positive, zeros


class Embedding(Module):
    """y[...] = W[ids[...]]. ids integers (...), weight (num, dim), y (..., dim).

    Initialised N(0, 1) as PyTorch's. Raises IndexError for an id outside 0..num-1.
    """

    def __init__(self, num_embeddings, embedding_dim, rng=None, dtype=None):
        positive(
            "Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim
        )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = zeros((num_embeddings, embedding_dim), dtype)
        init.normal_(self.weight, rng=rng)

    def forward(self, ids):
        return ops.embedding(ids, self.weight)
