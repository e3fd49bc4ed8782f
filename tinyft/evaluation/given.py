"""What calibration and prior shift are given, checked: tables, labels, shares."""

import math

from tinyft import backend
from tinyft.autograd import Tensor


def table_of(what, name, x, ndim=2):
    """x as a float64 array (n, K), or (K,), on its device; ValueError if not finite."""
    x = x.data if isinstance(x, Tensor) else x
    x = (x if backend.is_array(x) else backend.create(x)).astype(backend.float64)
    if x.ndim != ndim or not x.size or x.shape[-1] < 2:
        shape = "(n, K)" if ndim == 2 else "(K,)"
        raise ValueError(
            f"{what}: {name} should be {shape} with K >= 2 classes, got {x.shape}"
        )
    if not abs(x).max() < math.inf:
        raise ValueError(f"{what}: {name} has an entry that is NaN or infinite")
    return x


def class_labels(what, labels, rows, every=True):
    """Labels (n,) as (n, K) zeros and ones; every: each class must occur."""
    xp, (n, K) = backend.xp_of(rows), rows.shape
    y = labels.data if isinstance(labels, Tensor) else labels
    y = xp.asarray(y)
    if y.shape != (n,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= K:
        raise ValueError(
            f"{what}: labels should be {n} integers 0..{K - 1}, one per row, got "
            f"{y.dtype} of shape {y.shape}"
        )
    onehot = (y[:, None] == xp.arange(K)).astype(backend.float64)
    missing = [k for k, count in enumerate(onehot.sum(axis=0).tolist()) if not count]
    if every and missing:
        raise ValueError(
            f"{what}: no example of class {missing[0]} among {n} labels; add one, or "
            "leave the class out of the columns"
        )
    return onehot


def shares(what, name, x):
    """x (n, K) again; ValueError unless each row is >= 0 with sum 1."""
    total = x.sum(axis=1)
    if x.min() < 0 or abs(total - 1).max() > 1e-4:
        raise ValueError(
            f"{what}: {name} should be shares >= 0 with sum 1, got a least entry of "
            f"{float(x.min()):g} and a sum of {float(total[abs(total - 1).argmax()]):g}"
        )
    return x
