"""check(): a computed number against its closed form, with the bound's reason said.

    discrepancy = max|got − want|            (relative=True: divided by max|want|)
    the check holds when discrepancy <= bound

Every check is recorded, failed ones too: in `records`, and as one JSON line in the file
that the environment variable TINYFT_CHECKS names (`tinyft course` reads it back).
"""

import html
import json
import os
import sys

import numpy as np

records = []


class CheckFailed(AssertionError):
    """A computed value is farther from its closed form than the bound allows."""


def check(name, got, want, bound, why, relative=False):
    """Hold when max|got − want| <= bound; print both numbers, record, raise if not.

    name, why: text; `why` says where the bound comes from.  got, want: scalars, arrays
    or Tensors of one shape.  bound: a finite number >= 0.  relative=True divides by
    max|want|.  Returns None; raises CheckFailed with the numbers when it does not hold,
    ValueError when `why` is empty or `bound` is no bound.
    """
    _require(name, bound, why)
    record = {"name": name, "bound": float(bound), "why": why, "relative": relative}
    record |= measure(got, want, relative)
    record["ok"] = (
        record["problem"] is None and record["discrepancy"] <= record["bound"]
    )
    _keep(record)
    show(record)
    if not record["ok"]:
        raise CheckFailed(sentence(record))


def _require(name, bound, why):
    if not (isinstance(why, str) and why.strip()):
        raise ValueError(
            f"check({name!r}) was called without a reason for its bound; say in `why` "
            "where the bound comes from (rounding, step size, sample size ...)"
        )
    number = isinstance(bound, (int, float, np.number)) and not isinstance(bound, bool)
    if not (number and 0 <= bound < float("inf")):
        raise ValueError(
            f"check({name!r}) got bound={bound!r}; a bound is a finite number >= 0"
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


def sentence(record):
    """One line of text that says what was compared and how it came out."""
    if record["problem"]:
        return f"{record['name']}: {record['problem']}"
    return f"{record['name']}: {_numbers(record)}; {_verdict(record)}"


def _numbers(record):
    where = f" at {record['index']} of shape {tuple(record['shape'])}"
    where = where if record["shape"] else ""
    return f"got {_digits(record['got'])}, want {_digits(record['want'])}{where}"


def _verdict(record):
    what = "|got - want| / max|want|" if record["relative"] else "|got - want|"
    what = "max " + what if record["shape"] else what
    sign = "<=" if record["ok"] else ">"
    return f"{what} = {record['discrepancy']:.3g} {sign} {record['bound']:.3g}"


def _digits(value):
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def show(record):
    """A small table in a notebook, three lines of text elsewhere."""
    if in_notebook():
        from IPython.display import display

        display({"text/html": as_html(record), "text/plain": as_text(record)}, raw=True)
    else:
        _say(as_text(record))


def as_text(record):
    """The record as two or three lines of text."""
    mark = "ok  " if record["ok"] else "FAIL"
    if record["problem"]:
        return f"{mark} {record['name']}\n     {record['problem']}"
    return (
        f"{mark} {record['name']}\n     {_numbers(record)}\n"
        f"     {_verdict(record)}  ({record['why']})"
    )


def as_html(record):
    """The record as a small table that reads well in light and dark notebooks."""
    colour, mark = ("#0072B2", "✓ holds") if record["ok"] else ("#D55E00", "✗ fails")
    if record["problem"]:
        rows = [record["problem"]]
    else:
        rows = [_numbers(record), f"{_verdict(record)} — {record['why']}"]
    body = "".join(f"<br>{html.escape(row)}" for row in rows)
    return (
        f'<div style="border-left:4px solid {colour};padding:2px 10px;margin:4px 0">'
        f'<b><span style="color:{colour}">{mark}</span> {html.escape(record["name"])}'
        f'</b><span style="font-family:monospace;font-size:90%">{body}</span></div>'
    )


def in_notebook():
    """True in a Jupyter kernel (not in IPython's terminal)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def _say(text):
    """Print, also where the terminal's encoding has no λ."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)
