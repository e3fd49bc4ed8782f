"""The learner's file as the checks see it: loaded by path, its errors made sentences.

`student.closed_form(X, y)` calls the learner's function and remembers the call for the
messages.  Anything that goes wrong in the file raises AnswerError: what, where, and
what to change.
"""

import ast
import builtins
import difflib
import functools
import inspect
import linecache
import sys
import traceback
import types
from pathlib import Path

from tinyft.grading import context
from tinyft.grading.diagnose import is_array, is_tensor, short

NEVER = (
    "pytest _pytest unittest ctypes _ctypes _posixsubprocess gc importlib builtins "
    "subprocess multiprocessing socket signal tinyft.grading"
).split()


class AnswerError(Exception):
    """Something in the learner's file stands in the way; says what to change."""


class Student:
    """The learner's module: attributes are its functions, wrapped to remember calls."""

    def __init__(self, module, path):
        self._module, self._path = module, Path(path)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not hasattr(self._module, name):
            raise AnswerError(_missing(name, self._module, self._path))
        value = getattr(self._module, name)
        return _remembering(value, name) if inspect.isfunction(value) else value


def _missing(name, module, path):
    own = [key for key in vars(module) if not key.startswith("_")]
    near = difflib.get_close_matches(name, own, n=1, cutoff=0.5)
    what = f"{path.name} does not define {name}"
    if near:
        return f"{what}, but it defines {near[0]}: give it back its name {name}."
    return f"{what}: put `def {name}(...)` back as it stood in the stub."


def _remembering(function, name):
    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            takes = f"{name}{inspect.signature(function)}"
            raise AnswerError(
                f"{name} is called with {len(args) + len(kwargs)} arguments, but yours "
                f"is {takes} ({error}): give the parameters back as in the stub."
            ) from None
        context.called = f"{name}({_arguments(bound.arguments)})"
        before, given = sys.gettrace(), _bytes(bound.arguments)
        value = function(*args, **kwargs)
        after = _bytes(bound.arguments)
        context.changed |= {one for one in given if after.get(one) != given[one]}
        if sys.gettrace() is not before:
            sys.settrace(before)  # it could change variables of the grader
            raise AnswerError(f"{name} sets a trace function: remove sys.settrace.")
        return value

    return call


def _bytes(arguments):
    """{name: bytes} of the arrays, to see which of them a call changed in place."""
    found = {name: b"".join(_parts(x)) for name, x in arguments.items()}
    return {name: held for name, held in found.items() if held}


def _parts(x):
    """The bytes of an array, or of each array in a list or tuple."""
    if is_array(x):
        return [x.tobytes()]
    if isinstance(x, (list, tuple)):
        return [held for one in x for held in _parts(one)]
    return []


def _arguments(arguments):
    return ", ".join(_argument(name, value) for name, value in arguments.items())


def _argument(name, value):
    if (is_array(value) or is_tensor(value)) and len(value.shape):
        return f"{name}: {'×'.join(map(str, value.shape))}"
    text = short(value)
    return f"{name}={text}" if len(text) <= 40 else f"{name}: {type(value).__name__}"


def decode(data, name):
    """(text, note) of a file's bytes; the note tells of a byte-order mark or CRLF."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise AnswerError(f"{name} is saved as UTF-16: save it as UTF-8 (without BOM).")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise AnswerError(
            f"{name}, line {line} holds a byte that is not UTF-8: save it as UTF-8."
        ) from None
    if "\0" in text:
        raise AnswerError(f"{name} holds null bytes, it is not a text: save it again.")
    if not text.strip():
        raise AnswerError(f"{name} is empty: tinyft reset puts the stub back.")
    notes = ["a byte-order mark"] if data.startswith(b"\xef\xbb\xbf") else []
    notes += ["Windows line ends"] if b"\r\n" in data else []
    note = (
        f"{name} has {' and '.join(notes)}: graded all the same; save it as UTF-8, LF."
    )
    return text.replace("\r\n", "\n"), note if notes else ""


def load(data, path, forbidden=()):
    """Execute the file's bytes as a module and return a Student; AnswerError if not."""
    path = Path(path)
    text, _ = decode(data, path.name)
    try:
        code = compile(text, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise AnswerError(_syntax(error, path)) from None
    forbidden = (*NEVER, *forbidden)
    _search_imports(text, path, forbidden)
    module = types.ModuleType(f"student_{path.stem}")
    module.__file__ = str(path)
    module.__builtins__ = _builtins(path, forbidden)
    linecache.cache[str(path)] = (len(text), None, text.splitlines(True), str(path))
    sys.modules[module.__name__] = module  # dataclasses and pickle look a module up
    exec(code, module.__dict__)
    return Student(module, path)


def _syntax(error, path):
    if not isinstance(error, SyntaxError):
        return f"{path.name} cannot be read as Python ({error}): tinyft reset helps."
    line = (error.text or "").strip()
    shown = f": {line!r}" if line else ""
    return (
        f"{path.name}, line {error.lineno} is not valid Python ({error.msg}){shown}. "
        "Mend that line; nothing can be graded before."
    )


def _search_imports(text, path, forbidden):
    for node in ast.walk(ast.parse(text)):
        for name in _names(node):
            _refuse(name, forbidden, f"{path.name}, line {node.lineno}")


def _names(node):
    """The dotted names that a node imports or spells out."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("tinyft."):
        return [ast.unparse(node)]
    return []


def _refuse(name, forbidden, where):
    for one in forbidden:
        if name == one or name.startswith(one + "."):
            why = "has no use in an answer" if one in NEVER else "is the answer itself"
            raise AnswerError(f"{where} uses {name}, which {why}: remove the line.")


def _builtins(path, forbidden):
    """The builtins of this file alone, with an import that knows what is forbidden."""
    own = dict(vars(builtins))

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        for full in [name, *(f"{name}.{part}" for part in fromlist or ())]:
            _refuse(full, forbidden, path.name)
        return builtins.__import__(name, globals, locals, fromlist, level)

    own["__import__"] = guarded
    return own


def explain(error, path):
    """One sentence on an exception, told from the learner's file."""
    path = Path(path)
    where = _where(error, path)
    call = f"Called {context.called}. " if context.called else ""
    kind, text = type(error).__name__, _first_line(error)
    if isinstance(error, AnswerError):
        return str(error)
    if isinstance(error, NotImplementedError):
        return text or f"{where}: not implemented yet."
    if isinstance(error, RecursionError):
        return (
            f"{call}{where} calls itself without end: give the recursion a last case."
        )
    if isinstance(error, MemoryError):
        return (
            f"{call}{where} asks for more memory than a check may use: {text or kind}."
        )
    if isinstance(error, SystemExit):
        return f"{call}{where} ends Python (SystemExit): remove sys.exit or exit()."
    if isinstance(error, KeyboardInterrupt):
        return f"{call}{where} raises KeyboardInterrupt: remove that line."
    if isinstance(error, ImportError):
        return f"{where}: {text}. Import only what the stub imports, NumPy and tinyft."
    if kind in ("Skipped", "Exit", "XFailed", "SkipTest"):
        return f"{call}{where} tries to leave the check ({kind}): return an answer."
    if where == path.name:
        return f"{call}The check could not go on with what it got back: {kind}: {text}."
    return f"{call}{where} raises {kind}: {text}"


def _where(error, path):
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f"{path.name}, line {lines[-1]}" if lines else path.name


def _first_line(error):
    try:
        lines = str(error).strip().splitlines()
    except BaseException:  # its own class decides what str() does
        return ""
    return lines[0][:300] if lines else ""
