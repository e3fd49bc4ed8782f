"""One vector for a text: the mean of its last states, padding left out, of length 1.

    e = s / |s|,   s = Σ mᵢ hᵢ / Σ mᵢ       m is 1 for tokens and 0 for padding

The cosine of two texts is then e₁ · e₂. Source: Reimers, Gurevych 2019 (Sentence-BERT,
arXiv:1908.10084), mean pooling.
"""

from tinyft import backend, ops
from tinyft.autograd.tensor import Tensor
from tinyft.models.padding import padding_mask
from tinyft.ops.operands import wrap


def mean_tokens(states, mask=None):
    """The mean state of each text's tokens, (B, T, C) to (B, C).

    mask (B, T): booleans or 0/1 integers, False for padding. Raises ValueError for a text
    that is nothing but padding.
    """
    if mask is None:
        return ops.mean(states, axis=1)
    real, other = padding_mask(mask, states[:, :, 0])
    if other is not None:
        raise ValueError(
            f"mean_tokens: the mask has shape {other.shape}, expected (B, T), True for "
            "tokens"
        )
    counts = real.sum(axis=1)
    if backend.device_of(counts) == "cpu" and not counts.all():
        raise ValueError(
            f"mean_tokens: row {int(counts.argmin())} of the mask has no token, so there "
            "is nothing to take the mean of; leave that text out"
        )
    share = real / counts[:, None]
    share = Tensor._of(share.astype(states.dtype)[:, :, None], None)
    return ops.sum(states * share, axis=1)


def sentence_embedding(model, ids, mask=None):
    """Unit vectors (B, C) for texts: token ids (B, T) and their padding mask (B, T).

    model: a Transformer, its head is not used. Gradients flow. Errors as mean_tokens and
    the model's own.
    """
    ids = wrap(ids)
    mean = mean_tokens(model.states(ids, mask), None if mask is None else wrap(mask))
    length = ops.sqrt(ops.sum(mean * mean, axis=-1, keepdims=True))
    return mean / ops.maximum(length, 1e-12)
