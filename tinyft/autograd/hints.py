"""Errors for a PyTorch user's first hour: the sentence that says what to write here.

missing(...)      the error for an attribute, with its row of spellings.py
hinted(function)  the same function; a keyword it does not know is explained
foreign(x)        an array of a library that is neither NumPy nor the device's

"""

import functools
import inspect

from tinyft import backend
from tinyft.autograd import spellings

# arguments that PyTorch calls by another name; spellings.KEYWORDS says which
RENAMED = set(
    "axis axes keepdims ddof low high targets start_axis end_axis first second xs count "
    "shift sections size slope groups mask causal shape counts".split()
)


def missing(owner, name, rows, obj=None):
    """The AttributeError for `name`, which `owner` does not have."""
    row, text = getattr(spellings, rows).get(name), f"{owner} has no attribute {name!r}"
    if row is not None:
        ours = row[1] if isinstance(row, tuple) else row
        text += f": that is PyTorch's spelling; write {ours}"
    return AttributeError(text, name=name, obj=obj)


def missing_from(module, rows):
    """missing() for one module, as a function of the name."""
    return lambda name: missing(f"module {module!r}", name, rows)


def names_of(module, rows):
    """A module's __getattr__ (PEP 562) that gives these hints."""

    def get(name):
        raise missing(f"module {module!r}", name, rows)

    return get


def hinted(function):
    """`function`, whose TypeError for an unknown keyword says which one to write.

    Only one with an argument that PyTorch names otherwise is wrapped.
    """
    if not inspect.isfunction(function):
        return function
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    if not RENAMED.intersection(code.co_varnames[:count]):
        return function

    @functools.wraps(function)
    def call(*args, **options):
        try:
            return function(*args, **options)
        except TypeError:
            explain(function.__name__, function, options)
            _too_many(function, args)
            raise

    return call


def explain(what, function, options):
    """Raise TypeError if `options` has a keyword that the function does not know."""
    known = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for name in options:
        if name not in known:
            ours = [n for n in spellings.KEYWORDS.get(name, "").split() if n in known]
            hint = f"; PyTorch's {name}= is {ours[0]}= here" if ours else ""
            raise TypeError(
                f"{what}() has no argument {name!r}{hint}. It takes "
                f"({', '.join(n for n in known if n != 'self')})"
            ) from None


def _too_many(function, args):
    """Raise TypeError for reshape(x, 2, 3): a shape or several axes are one tuple."""
    names = list(inspect.signature(function).parameters)
    if len(args) > len(names):
        raise TypeError(
            f"{function.__name__}() takes ({', '.join(names)}), and {len(args)} values "
            "were given; a shape, or several axes, is one tuple: (2, 3)"
        ) from None


def instead(rows, name):
    """'; write ...' for a name in a table, or ''."""
    table = getattr(spellings, rows)
    return f"; write {table[name]}" if name in table else ""


def through_numpy(function, args, options):
    """function(*args), NumPy's, with Tensors as arrays; an error if one has a gradient.

    What only looks at shapes is not asked for gradients.
    """

    def plain(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(plain, value))
        if not hasattr(value, "requires_grad"):
            return value
        if value.requires_grad and function.__name__ not in ("shape", "ndim", "size"):
            raise RuntimeError(
                f"numpy.{function.__name__} was given a Tensor that requires a gradient, "
                f"which it would lose; write ops.{function.__name__} (tinyft.ops has "
                "NumPy's names), or pass x.detach() or x.numpy()"
            )
        return value.detach().numpy()

    options = {name: plain(value) for name, value in options.items()}
    return function(*map(plain, args), **options)


def is_foreign(x):
    """True for an array of another library: it has a dtype and is none of ours."""
    return hasattr(x, "dtype") and not (backend.is_array(x) or backend.is_scalar(x))


def foreign(what, x):
    """The TypeError for such an array."""
    kind = type(x)
    name = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    how = "x.detach().cpu().numpy()" if name.startswith("torch") else "numpy.asarray(x)"
    return TypeError(
        f"{what}: got a {name}; tinyft computes with its own Tensors, NumPy arrays and "
        f"numbers. Convert it: tinyft.tensor({how})"
    )
