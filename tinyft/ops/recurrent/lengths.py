"""Texts of unequal length in one batch (T, B): which steps belong to a text."""

from tinyft import backend
from tinyft.autograd.tensor import Tensor


def inside(what, lengths, T, B):
    """Host booleans (T, B, 1), True where a step belongs to its text; None for None.

    lengths: B integers between 1 and T. ValueError says what else came.
    """
    if lengths is None:
        return None
    n = backend.asnumpy(lengths._data if isinstance(lengths, Tensor) else lengths)
    if n.shape != (B,) or n.dtype.kind not in "iu" or (n < 1).any() or (n > T).any():
        raise ValueError(
            f"{what}: lengths must be {B} integers from 1 to {T}, one for each text, "
            f"got {n.dtype} {n.shape}: {n.ravel()[:8].tolist()}"
        )
    return (backend.host().arange(T)[:, None] < n)[..., None]


def beyond(inside, like):
    """For each step: None where it belongs to all texts, else (B, 1), True beyond ends."""
    if inside is None:
        return None
    return [None if step.all() else beside(~step, like) for step in inside]


def beside(mask, like):
    """A host mask on the device of the array `like`."""
    return backend.to(mask, backend.device_of(like))
