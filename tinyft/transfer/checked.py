"""What a probe is given, checked: features (n, d) that are finite, labels that fit."""

from numbers import Real

from tinyft import backend
from tinyft.autograd import Tensor


def checked_rows(caller, features, width=None):
    """features as a float64 array (n, d) on their device."""
    Z = features.data if isinstance(features, Tensor) else features
    Z = Z if backend.is_array(Z) else backend.xp_of(Z).asarray(Z)
    if Z.ndim != 2 or not len(Z):
        raise ValueError(
            f"{caller}: expected features (n, d) with n >= 1, got shape {Z.shape}; make "
            "a row of each sample's features with reshape(len(z), -1), or average over "
            "positions with mean((2, 3))"
        )
    if width is not None and Z.shape[1] != width:
        raise ValueError(
            f"{caller}: the probe was fitted on {width} features per row, got "
            f"{Z.shape[1]}; take the same layer, flattened or averaged in the same way"
        )
    xp = backend.xp_of(Z)
    bad = int((~xp.isfinite(Z)).any(axis=1).sum())
    if bad:
        raise ValueError(
            f"{caller}: {bad} of {len(Z)} rows of features hold NaN or infinity; look "
            "for the first layer that makes them, inside tinyft.detect_anomaly()"
        )
    return Z.astype("float64")


def checked_pair(caller, features, labels, several=False):
    """(features (n, d) float64, labels (n,)); several: of every class 0 ... max one."""
    Z = checked_rows(caller, features)
    y = labels.data if isinstance(labels, Tensor) else labels
    y = backend.xp_of(Z).asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(
            f"{caller}: expected labels (n,) of whole numbers, got shape {y.shape} of "
            f"{y.dtype}"
        )
    if len(y) != len(Z):
        raise ValueError(
            f"{caller}: {len(Z)} rows of features and {len(y)} labels; there must be "
            "one label per row, in the same order"
        )
    if several:
        _check_classes(caller, y)
    return Z, y


def _check_classes(caller, y):
    counts = {k: int((y == k).sum()) for k in range(int(y.max()) + 1)}
    empty = [k for k, count in counts.items() if not count]
    if int(y.min()) < 0 or sum(counts[k] > 0 for k in counts) < 2:
        found = sorted({int(k) for k in y})
        raise ValueError(
            f"{caller}: the labels are {found[:6]}; expected 0, 1, ... with at least two "
            "classes: with a single one there is nothing to tell apart"
        )
    if empty:
        raise ValueError(
            f"{caller}: too few samples, class {empty[0]} of 0 ... {len(counts) - 1} has "
            "none, so it could never be predicted; label one, or renumber the classes"
        )


def checked_penalty(penalty, positive):
    """λ as a float: finite and >= 0, or > 0."""
    number = isinstance(penalty, Real) and 0 <= penalty < float("inf")
    if not number or (positive and penalty == 0):
        least = "> 0: without one, separable classes have no minimum"
        raise ValueError(
            f"linear_probe: penalty={penalty!r} should be a finite number "
            f"{least if positive else '>= 0'}"
        )
    return float(penalty)
