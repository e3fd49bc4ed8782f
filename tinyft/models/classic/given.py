"""What the classic models are given, checked: texts, tables of counts, labels."""

import math

from tinyft import backend
from tinyft.autograd.tensor import Tensor
from tinyft.data.text import words


def rows_of(what, texts):
    """The words of each text; ValueError for no text, and for one without a word."""
    if isinstance(texts, str):
        raise ValueError(f"{what}: expected several texts, got one str; write [text]")
    split = [words(text) for text in texts]
    if not split:
        raise ValueError(f"{what}: got no text at all")
    for i, row in enumerate(split):
        if not row:
            raise ValueError(
                f"{what}: text {i} holds no word ({texts[i]!r}); leave it out, nothing "
                "can be said about it"
            )
    return split


def weights_of(what, x, fitted=None):
    """x as (n, V) float64, finite and >= 0; ValueError otherwise.

    fitted: the log_word (K, V) that x must have the width of.
    """
    x = x.data if isinstance(x, Tensor) else x
    x = (x if backend.is_array(x) else backend.create(x)).astype("float64")
    width = "V" if fitted is None else fitted.shape[1]
    if x.ndim != 2 or not x.size or (fitted is not None and x.shape[1] != width):
        raise ValueError(
            f"{what}: x should be (n, {width}), one row per text and one column per "
            f"word, got shape {x.shape}"
        )
    if not 0 <= x.min() <= x.max() < math.inf:
        raise ValueError(
            f"{what}: x should be counts or weights >= 0, got values from "
            f"{float(x.min()):g} to {float(x.max()):g}; centred features or embeddings "
            "are not counts"
        )
    return x


def labels_of(what, labels, x, classes):
    """Labels (n,) as (n, K) zeros and ones; ValueError unless each class occurs."""
    xp, n = backend.xp_of(x), len(x)
    y = labels.data if isinstance(labels, Tensor) else labels
    y = xp.asarray(y)
    if classes < 2:
        raise ValueError(f"{what}: classes={classes}, expected 2 or more")
    if (
        y.shape != (n,)
        or y.dtype.kind not in "iu"
        or not 0 <= y.min() <= y.max() < classes
    ):
        raise ValueError(
            f"{what}: labels should be {n} integers 0..{classes - 1}, one per row, got "
            f"{y.dtype} of shape {y.shape}: {y.ravel()[:5].tolist()}"
        )
    onehot = (y[:, None] == xp.arange(classes)).astype("float64")
    missing = [k for k, count in enumerate(onehot.sum(axis=0).tolist()) if not count]
    if missing:
        raise ValueError(
            f"{what}: no text of class {missing[0]} among {n}; add one, or leave the "
            "class out"
        )
    return onehot
