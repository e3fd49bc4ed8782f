"""The answer's file, loaded and called: runs inside, and may be under its control.

What it tells the judge is a claim: "this is my value", "these inputs are as they were".
It knows no reference, no tolerance, no seed and no file of the grader.
"""

import ast
import inspect
import sys
import traceback
import types
import warnings

import numpy as np

from tinyft.grading.sandbox import codec

KINDS = (
    "NotImplementedError RecursionError ZeroDivisionError FloatingPointError "
    "OverflowError LinAlgError IndexError KeyError ValueError TypeError MemoryError "
    "SystemExit KeyboardInterrupt SyntaxError ImportError"
).split()
WARNINGS = 3  # told of one call
HOLDS = (list, tuple, dict)


class Hidden(Exception):
    """The file uses what is the answer itself."""


class Answer:
    """One file as a module, with its driver; `call` takes and gives plain data."""

    def __init__(self, job, ask):
        self.file, self.ask = job["file"], ask
        self.driver = {}
        if job["driver"]:  # the grader's own text, before the answer's
            exec(compile(job["driver"], "driver", "exec"), self.driver)
        code = compile(job["source"], self.file, "exec", dont_inherit=True)
        _search_imports(job["source"], job["forbidden"])
        self.module = types.ModuleType("student")
        self.module.__file__ = self.file
        sys.modules["student"] = self.module  # dataclasses look a module up
        exec(code, self.module.__dict__)

    def functions(self):
        """{name: [parameters as text, names of the parameters]} of what can be called."""
        own = vars(self.module).items()
        return {
            name: _signature(value)
            for name, value in own
            if callable(value) and not name.startswith("__")
        }

    def call(self, order):
        """{value, changed, shares, warned} of one call."""
        args, named = order["args"], order["named"]
        if order["driver"]:
            function = self.driver[order["call"]]
            args = (self.module, self.ask, *args)
        else:
            function = getattr(self.module, order["call"])
        try:
            given = _bound(function, args, named)
        except TypeError as error:
            return {"unfit": str(error)}
        before = {name: _bytes(value) for name, value in given.items()}
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            value = function(*args, **named)
        return {
            "value": value,
            "changed": [k for k, v in given.items() if _bytes(v) != before[k]],
            "shares": [k for k, v in given.items() if _share(value, v)],
            "warned": [str(one.message)[:200] for one in warned[:WARNINGS]],
        }

    def reply(self, order):
        """The message that answers an order; what goes wrong is told in it."""
        try:
            found = self.call(order)
        except BaseException as error:
            return codec.pack({"raised": told(error, self.file)})
        try:
            return codec.pack(found)
        except codec.Refused as refused:
            whole = type(found["value"])
            inside = whole.__name__ if whole in (tuple, list, dict) else ""
            return codec.pack({"refused": str(refused), "inside": inside})


def start(job, ask):
    """(Answer or None, the message that says what it defines or why it does not load)."""
    try:
        one = Answer(job, ask)
        return one, codec.pack({"functions": one.functions()})
    except BaseException as error:
        return None, codec.pack({"raised": told(error, job["file"])})


def _search_imports(text, forbidden):
    """Raise Hidden, for a better message, at a name that is not in sight anyway."""
    for node in ast.walk(ast.parse(text)) if forbidden else ():
        for name in _names(node):
            if any(name == one or name.startswith(one + ".") for one in forbidden):
                raise Hidden(f"{node.lineno} {name}")


def _names(node):
    """The dotted names that a node imports or spells out."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("tinyft."):
        return [ast.unparse(node)]
    return []


def _signature(function):
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return ["(...)", []]
    return [str(found)[:200], list(found.parameters)]


def _bound(function, args, named):
    """{parameter: argument}; TypeError where they do not fit."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):  # it cannot be known
        return {}
    return found.bind(*args, **named).arguments


def _bytes(x):
    """The bytes of an array, or of the arrays in a container: to see a change."""
    if isinstance(x, np.ndarray):
        return x.tobytes()
    if isinstance(x, (list, tuple)):
        return b"%d:" % len(x) + b"".join(map(_bytes, x))
    if isinstance(x, dict):
        return repr(list(x)).encode() + b"".join(map(_bytes, x.values()))
    return repr(x).encode() if isinstance(x, (int, float, str)) else b""


def _share(a, b):
    return any(np.may_share_memory(x, y) for x in _arrays(a) for y in _arrays(b))


def _arrays(x):
    """The arrays of a value, those in containers too."""
    if isinstance(x, np.ndarray):
        return [x]
    parts = x.values() if isinstance(x, dict) else x
    return [y for part in parts for y in _arrays(part)] if type(x) in HOLDS else []


def told(error, file):
    """What the judge is told of an exception: its kind and name, text, line in the file."""
    names = [one.__name__ for one in type(error).__mro__]
    found = {
        "kind": next((name for name in names if name in KINDS), ""),
        "name": type(error).__name__,
        "said": _first_line(error),
        "line": _line(error, file),
        "module": str(getattr(error, "name", None) or ""),
    }
    if type(error) in (SyntaxError, IndentationError, TabError):
        found |= {"line": error.lineno or 0, "said": error.msg or ""}
        found["code"] = (error.text or "").strip()[:200]
    return found


def _line(error, file):
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return lines[-1] if lines else 0


def _first_line(error):
    try:
        lines = str(error).strip().splitlines()
    except BaseException:  # its own class decides what str() does
        return ""
    return lines[0][:300] if lines else ""
