"""check(): a computed number against its closed form, with the bound's reason said.

    tol = Bound(1e-12, "a dozen roundings", relative=True)
    check("(15.3) merge = live", got, want, tol)

    discrepancy = max|got − want|            (relative=True: divided by max|want|)
    the check holds when discrepancy <= bound

Every check is recorded, failed ones too: in `records`, and as one JSON line in the file
that the environment variable TINYFT_CHECKS names (`tinyft course` reads it back). How
much of it a notebook shows is said in show.py.
"""

import json
import os

import numpy as np

from tinyft.course.show import in_notebook, sentence, show

__all__ = ["Bound", "CheckFailed", "check", "in_notebook", "records"]
records = []


class CheckFailed(AssertionError):
    """A computed value is farther from its closed form than the bound allows."""


class Bound(float):
    """A bound with its reason, for several checks: Bound(1e-12, "a dozen roundings").

    relative=True: of max|want|. It is a float of that value in every other respect.
    """

    def __new__(cls, value, why, relative=False):
        _require_reason(f"Bound({value!r})", why)
        _require_bound("Bound", value)
        self = super().__new__(cls, value)
        self.why, self.relative = why, relative
        return self


def check(name, got, want, bound=0, why="", relative=False, headline=False):
    """Hold when max|got − want| <= bound; record and show it, raise if it does not hold.

    name: text.  got, want: scalars, arrays or Tensors of one shape.  bound: a finite
    number >= 0, or a `Bound`; 0, to the bit, is its own reason, any other number needs
    `why`: where it comes from.  relative=True divides by max|want|.  headline=True
    shows it in full, for the ten checks a chapter is about; the others of a cell fold
    into one line.  Returns None; raises CheckFailed with the numbers when it does not
    hold, ValueError when the reason is missing or `bound` is not a bound.
    """
    _require_bound(f"check({name!r})", bound)
    why = why or getattr(bound, "why", "" if bound else "to the bit")
    _require_reason(f"check({name!r})", why)
    relative = bool(relative or getattr(bound, "relative", False))
    record = {"name": name, "bound": float(bound), "why": why, "relative": relative}
    record |= {"headline": bool(headline)} | measure(got, want, relative)
    record["ok"] = (
        record["problem"] is None and record["discrepancy"] <= record["bound"]
    )
    _keep(record)
    show(record)
    if not record["ok"]:
        raise CheckFailed(sentence(record))


def _require_reason(caller, why):
    if not (isinstance(why, str) and why.strip()):
        raise ValueError(
            f"{caller} was called without a reason for its bound; say in `why` "
            "where the bound comes from (rounding, step size, sample size ...)"
        )


def _require_bound(caller, bound):
    number = isinstance(bound, (int, float, np.number)) and not isinstance(bound, bool)
    if not (number and 0 <= bound < float("inf")):
        raise ValueError(
            f"{caller} got bound={bound!r}; a bound is a finite number >= 0"
        )


def measure(got, want, relative=False):
    """The worst discrepancy of two arrays, where it is, and what forbids comparing."""
    found = {"got": None, "want": None, "discrepancy": None, "shape": [], "index": []}
    try:
        got, want = as_numbers("got", got), as_numbers("want", want)
        _comparable(got, want)
    except ValueError as problem:
        return found | {"problem": str(problem)}
    gap = distance(got, want)
    at = np.unravel_index(np.argmax(gap), gap.shape)
    worst = float(gap[at])
    if relative:
        worst = _divide(worst, float(np.max(np.abs(want))))
    return {
        "got": plain(got[at]),
        "want": plain(want[at]),
        "discrepancy": worst,
        "shape": list(gap.shape),
        "index": [int(i) for i in at],
        "problem": None,
    }


def as_numbers(role, value):
    """A host array of float64, complex128 or exact integers; ValueError otherwise."""
    value = value.numpy() if hasattr(value, "numpy") else value
    on_device = hasattr(value, "get") and hasattr(value, "dtype")  # a CuPy array
    value = value.get() if on_device else value
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{role} is ragged: its rows differ in length") from None
    if array.dtype.kind in "biu":
        # Python integers are exact at any size; + 0 turns booleans into them
        return np.asarray(array.astype(object) + 0, dtype=object)
    if array.dtype == object and all(isinstance(v, int) for v in array.ravel()):
        return array
    if array.dtype.kind in "fc":
        return array.astype(np.promote_types(array.dtype, np.float64))
    raise ValueError(f"{role} is {type(value).__name__} {value!r:.60}, not numbers")


def _comparable(got, want):
    if got.shape != want.shape:
        raise ValueError(
            f"got has shape {got.shape} and want {want.shape}; they must be the same"
        )
    if got.size == 0:
        raise ValueError(f"nothing to compare: both are empty, shape {got.shape}")
    for role, array in (("got", got), ("want", want)):
        bad = np.argwhere(array != array)  # NaN alone differs from itself
        if len(bad):
            where = f", first at {bad[0].tolist()}" if array.ndim else ""
            raise ValueError(
                f"{role} is NaN in {len(bad)} of {array.size} entries{where}"
            )


def distance(got, want):
    """|got − want|, entry by entry; equal infinities are at distance 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.where(got == want, 0, np.abs(got - want)))


def _divide(worst, scale):
    if scale == 0:
        return 0.0 if worst == 0 else float("inf")
    return worst / scale


def plain(value):
    """An entry as a Python number, or as text when JSON has no such number."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, complex) or value in (float("inf"), float("-inf")):
        return str(value)
    return value


def _keep(record):
    records.append(record)
    path = os.environ.get("TINYFT_CHECKS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(jsonable(record), ensure_ascii=False) + "\n")


def jsonable(record):
    """The record with an infinite discrepancy written as text: JSON has no infinity."""
    found = record["discrepancy"]
    return record | {"discrepancy": found if found is None else plain(found)}
