"""What is wrong with an array: type, shape, NaN, ratio, order, or which entries."""

import numpy as np

COARSE = ("float16", "float32", "complex64")
SCALARS = (str, bool, int, float, complex, np.generic, type(None))
SIMPLE = {
    -1.0: "the sign is reversed: yours is minus the right answer",
    2.0: "yours is 2 times the right answer",
    0.5: "yours is half the right answer",
    -2.0: "yours is −2 times the right answer",
    -0.5: "yours is −1/2 times the right answer",
}


def is_tensor(x):
    """True for a tinyft Tensor (told by its class name: no import of the engine)."""
    return any(one.__name__ == "Tensor" for one in type(x).__mro__)


def is_array(x):
    """True for a NumPy array or scalar."""
    return isinstance(x, (np.ndarray, np.generic))


def numbers(x):
    """The values as float64, complex128 or object-free integers turned float64."""
    x = x.numpy() if is_tensor(x) else x
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def kind(got, want):
    """A sentence when the type of `got` is not what was asked, else None."""
    if got is None:
        return "It returned None: is the `return` line missing?"
    if is_tensor(got) and not is_tensor(want):
        return "It returned a Tensor where an array is asked: return x.numpy()."
    if is_tensor(want) and not is_tensor(got):
        return f"A Tensor is asked, but it returned {a_kind(got)}."
    if isinstance(want, (str, bool, type(None))):
        return (
            None
            if isinstance(got, SCALARS) and got == want
            else (f"{short(want)} is asked, but it returned {short(got)}.")
        )
    if isinstance(got, (tuple, list, dict, str)):
        what = "A number" if np.ndim(want) == 0 else "An array"
        advice = ": use numpy.array(...)" if isinstance(got, list) else ""
        return f"{what} is asked, but it returned {a_kind(got)}{advice}."
    if np.ndim(want) and not is_array(got) and not is_tensor(got):
        return f"An array is asked, but it returned {a_kind(got)}."
    try:
        numbers(got)
    except (TypeError, ValueError):
        return f"Numbers are asked, but it returned {a_kind(got)}."
    return None


def several(got, names):
    """A sentence on what was returned where several values are asked."""
    if got is None:
        return kind(None, 0.0)
    advice = f": return {', '.join(names)}"
    if is_array(got) and got.ndim and len(got) == len(names):
        advice += ", its rows, as a tuple"
    return f"{len(names)} values are asked, but it returned {a_kind(got)}{advice}."


def unlike(got, shape):
    """What an answer's value is, unless it has this shape (None: any length)."""
    if isinstance(got, (tuple, list, dict, str, type(None))) or not (
        is_array(got) or isinstance(got, (int, float, complex))
    ):
        return f"{a_kind(got)} where {_wanted(shape)} is asked"
    have = np.shape(got)
    if len(have) == len(shape) and all(n in (None, m) for n, m in zip(shape, have)):
        return ""
    return f"its shape is {have} where {_wanted(shape)} is asked"


def _wanted(shape):
    if not shape:
        return "a number"
    lengths = ", ".join("any" if n is None else str(n) for n in shape)
    return f"an array of shape ({lengths}{',' if len(shape) == 1 else ''})"


def a_kind(x):
    """A value's type with its article, and how much it holds."""
    if x is None:
        return "None"
    if is_array(x):
        shape = f" of shape {x.shape}" if x.ndim else ""
        return f"one array{shape}" if x.ndim else "one number"
    if isinstance(x, (tuple, list)):
        s = "" if len(x) == 1 else "s"
        return f"a {type(x).__name__} of {len(x)} value{s}"
    if isinstance(x, (int, float, complex)) and not isinstance(x, bool):
        return "one number"
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def shapes(a, b, tol):
    """A sentence on two arrays of different shapes."""
    said = f"The shape is {a.shape}, it must be {b.shape}"
    if a.shape == b.shape[::-1] and close(a.T, b, tol):
        return said + ": yours is the transpose of the right answer."
    if a.size == b.size and close(a.ravel(), b.ravel(), tol):
        return said + ": the values are right, a reshape is missing."
    if a.ndim == b.ndim + 1 and a.ndim and a.size and b.size:
        for axis in range(a.ndim):
            for name in ("sum", "mean"):
                folded = getattr(a, name)(axis=axis)
                if close(folded, b, tol):
                    return said + f": a {name} over axis {axis} is missing."
    return said + "."


def values(a, b, tol, original=None):
    """A sentence on two arrays of one shape: the first finding that fits."""
    dtype = str(getattr(original, "dtype", ""))
    if close(a, b, 3e-6 if dtype not in COARSE else 3e-3):
        return _precision(dtype)
    for finding in (_not_finite, _ratio, _offset, _order):
        said = finding(a, b, tol)
        if said:
            return said[0].upper() + said[1:] + "."
    if dtype.lstrip("u").startswith("int") and close(a, np.trunc(b), tol):
        cut = "The right answer cut down to integers: keep float64."
        return f"{cut} {entries(a, b, tol)}"
    return entries(a, b, tol)


def _precision(dtype):
    if dtype in COARSE:
        return (
            f"The right answer, but only to {dtype}'s precision: what was given is "
            "float64, so keep float64."
        )
    return (
        "Almost right, but not to rounding: does it add an epsilon that the formula "
        "does not have, or stop an iteration early?"
    )


def close(a, b, tol):
    """max|a − b| <= tol · max|b|, shapes equal."""
    if a.shape != b.shape or a.size == 0:
        return False
    with np.errstate(all="ignore"):
        return bool(np.max(np.abs(a - b)) <= tol * max(np.max(np.abs(b)), 1e-300))


def _not_finite(a, b, tol):
    for name, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        bad = test(a) & ~test(b)
        if bad.any():
            at = np.argwhere(bad)[0].tolist()
            where = f", first at index {at}" if a.ndim else ""
            return f"{int(bad.sum())} of {a.size} entries are {name}{where}"
    return None


def _ratio(a, b, tol):
    b_norm = np.vdot(b, b).real
    if b_norm == 0 or not np.any(a):
        return "every entry is 0" if b_norm and a.size > 1 else None
    r = np.vdot(b, a) / b_norm
    if close(a, r * b, tol):
        r = r.real if np.isrealobj(r) or abs(r.imag) < 1e-12 * abs(r) else r
        for value, said in SIMPLE.items():
            if abs(r - value) <= 1e-9:
                return said
        if a.size > 1:
            return f"yours is {r:.6g} times the right answer, in every entry"
    with np.errstate(all="ignore"):
        if close(1 / a, b, tol):
            return "yours is one over the right answer"
        if close(a, b**2, tol) and not close(a, b, 1e-6):
            return "yours is the square of the right answer"
        if close(a**2, b, tol):
            return "yours is the square root of the right answer"
    return None


def _offset(a, b, tol):
    shift = (a - b).mean()
    if a.size > 1 and close(a - shift, b, tol):
        return f"every entry is off by the same {shift:+.6g}"
    return None


def _order(a, b, tol):
    if a.ndim == 2 and a.shape[0] == a.shape[1] and close(a.T, b, tol):
        return "yours is the transpose of the right answer"
    for axis in range(a.ndim):
        if a.shape[axis] > 1 and close(np.flip(a, axis), b, tol):
            return f"the order along axis {axis} is reversed"
        for step in (1, -1):
            cut = slice(1, None) if step == 1 else slice(None, -1)
            whole = [slice(None)] * a.ndim
            whole[axis] = cut
            shifted = np.roll(a, step, axis)[tuple(whole)]
            if a.shape[axis] > 2 and close(shifted, b[tuple(whole)], tol):
                return f"off by one along axis {axis}"
    if a.size > 1 and close(np.sort(a, axis=None), np.sort(b, axis=None), tol):
        return "the values are right but in another order"
    return None


def entries(a, b, tol):
    """How many entries differ, and the worst of them."""
    if a.ndim == 0 or a.size == 1:
        return f"The difference is {(a - b).ravel()[0]:.6g}."
    gap = np.abs(a - b)
    bound = tol * np.max(np.abs(b))
    at = np.unravel_index(np.argmax(gap), gap.shape)
    index = [int(i) for i in at]
    return (
        f"{int((gap > bound).sum())} of {a.size} entries differ; the worst is at index "
        f"{index}: {a[at]:.6g} instead of {b[at]:.6g}."
    )


def short(x, most=6):
    """A value in a few words: numbers, or shape and first entries."""
    if isinstance(x, tuple):
        return "(" + ", ".join(short(one, 3) for one in x) + ")"
    if isinstance(x, list):
        dots = ", ..." if len(x) > most else ""
        return "[" + ", ".join(short(one, 3) for one in x[:most]) + dots + "]"
    if is_tensor(x):
        return f"Tensor {short(x.numpy(), most)}"
    if is_array(x) and x.ndim:
        flat = ", ".join(_digits(v) for v in x.ravel()[:most])
        dots = ", ..." if x.size > most else ""
        shape = f" (shape {'×'.join(map(str, x.shape))})" if x.ndim > 1 or dots else ""
        return f"[{flat}{dots}]{shape}"
    return _digits(x)


def _digits(x):
    x = x.item() if is_array(x) else x
    if isinstance(x, float):
        return f"{x:.6g}"
    text = repr(x)
    return text if len(text) <= 60 else text[:57] + "..."
