"""Embedding: one row of the weight for each id; Positions: which row of which table."""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.module import Module
from tinyft.nn.shape import positive, steps, zeros


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


class TypeEmbedding(Embedding):
    """An Embedding of token types (BERT's segments); a prompt in front is of type 0."""


class Positions(Module):
    """The positions of the new tokens, after those that are already in a cache."""

    start = 0  # of the first token
    past = 0  # how many were in the cache at the last call: a prompt reads it

    def forward(self, ids, past=0):
        self.past = past
        return steps(past, past + ids.shape[1], ids)
