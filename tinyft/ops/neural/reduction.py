"""What every loss does at its end: none, mean or sum over its terms."""

from tinyft import backend
from tinyft.ops.array.reduce import divided

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(what, reduction, allowed=REDUCTIONS):
    """Raise ValueError for an unknown reduction."""
    if reduction not in allowed:
        raise ValueError(
            f"{what}: reduction is one of {', '.join(map(repr, allowed))}, "
            f"got {reduction!r}"
        )


def check_same_shape(what, x, y):
    """Raise ValueError where broadcasting would silently compare unlike things."""
    if x.shape != y.shape:
        raise ValueError(
            f"{what}: the input has shape {x.shape} and the target {y.shape}; they "
            "must be equal (reshape or broadcast one of them first)"
        )


def check_shares(what, y):
    """Raise ValueError unless targets lie in [0, 1]; a device is not made to wait.

    1e-3 on either side is rounding, of float16 for instance.
    """
    values = y._data
    if not all_host(values) or not values.size:
        return
    low, high = values.min(), values.max()
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"{what}: targets are probabilities, or labels 0 and 1; these lie between "
            f"{low} and {high}; for labels -1 and 1 pass (y + 1) / 2"
        )


def reduced(terms, reduction):
    """Reduce an array or a Tensor of terms; the mean of none is NaN."""
    if reduction == "mean":
        return divided(terms.sum(), terms.size)
    return terms if reduction == "none" else getattr(terms, reduction)()


def share(gy, terms, reduction):
    """What each of `terms` terms receives of the gradient of the reduced loss."""
    return gy * (1 / max(1, terms)) if reduction == "mean" else gy


def all_host(*arrays):
    """True if looking at values costs no device synchronisation."""
    return all(backend.device_of(a) == "cpu" for a in arrays)
