"""The answer as the checks see it: `student.closed_form(X, y)` asks its process.

Arguments are copied there and the value is made here by the codec, so nothing that an
answer does can reach what a check compares.  After a call `student.changed` names the
inputs that it changed in place and `student.shares` those whose memory its value uses;
both are claims of the answer's own process.  What goes wrong raises AnswerError.
"""

import difflib
import time
import warnings

import numpy as np

from tinyft.grading.candidate import AnswerError
from tinyft.grading.check import context, explain, parts
from tinyft.grading.check.diagnose import is_array, short
from tinyft.grading.check.explain import clean
from tinyft.grading.sandbox.session import Gone

_KINDS = (
    NotImplementedError,
    RecursionError,
    ZeroDivisionError,
    FloatingPointError,
    OverflowError,
    np.linalg.LinAlgError,
    IndexError,
    KeyError,
    ValueError,
    TypeError,
    MemoryError,
)
TOLD = {one.__name__: type(one.__name__, (AnswerError, one), {}) for one in _KINDS}


class Student:
    """The answer's functions, as attributes; `drive` runs the grader's own driver there."""

    def __init__(self, candidate, session, functions, settings):
        self._candidate, self._session = candidate, session
        self._functions, self._seconds = functions, settings["seconds"]
        self._returns = settings["returns"]
        self._until, self._gone = 0.0, None
        self.changed = self.shares = frozenset()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._functions:
            raise AnswerError(missing(name, self._functions, self._candidate.path.name))

        def call(*args, **named):
            return self._call(name, args, named)

        return call

    def drive(self, name, *args, ask=None):
        """Call a function of the task's driver; `ask(name, *args)` answers it."""
        return self._call(name, args, {}, ask, driver=True)

    def _call(self, name, args, named, ask=None, driver=False):
        _, parameters = self._functions.get(name, ("", [])) if not driver else ("", [])
        if not driver:
            context.called = f"{name}({_arguments(parameters, args, named)})"
        order = {"call": name, "args": args, "named": named, "driver": driver}
        if self._gone:
            raise AnswerError(self._gone)
        try:
            reply = self._session.call(order, ask, self._until)
        except Gone as gone:
            self._gone = explain.gone(gone, self._candidate.path.name, self._seconds)
            raise AnswerError(self._gone) from None
        except BaseException:
            self._gone = "A question of the answer's could not be answered."
            raise
        return self._value(reply, name, len(args) + len(named))

    def _value(self, reply, name, count):
        """The value of a reply, or the error that it tells of."""
        file = self._candidate.path.name
        if "raised" in reply:
            raise error_of(reply["raised"], file)
        if "refused" in reply:
            raise AnswerError(explain.refused(reply))
        if "unfit" in reply:
            raise AnswerError(explain.unfit(name, count, self._functions, reply))
        if "value" not in reply:
            raise AnswerError(f"{file} sent a reply without a value.")
        for said in _texts(reply.get("warned"))[:3]:
            warnings.warn(said, RuntimeWarning, stacklevel=4)
        self.changed = frozenset(_texts(reply.get("changed")))
        self.shares = frozenset(_texts(reply.get("shares")))
        context.changed += sorted(self.changed - {*context.changed})
        names = self._returns.get(name)
        return parts.unpacked(reply["value"], names) if names else reply["value"]


def load(candidate, session, job, settings):
    """The Student of a candidate's text; AnswerError when it does not load."""
    file, seconds = candidate.path.name, settings["seconds"]
    try:
        reply = session.load(job, time.monotonic() + seconds)
    except Gone as gone:
        raise AnswerError(
            explain.gone(gone, file, seconds, "while it was imported")
        ) from None
    functions = reply.get("functions")
    if "raised" in reply or type(functions) is not dict:
        raise error_of(reply.get("raised"), file)
    return Student(candidate, session, _signatures(functions), settings)


def _signatures(functions):
    """{name: (parameters as text, names)} of what a worker says it defines."""
    found = {}
    for name, row in functions.items():
        text, names = row if type(row) is list and len(row) == 2 else ("", [])
        found[clean(name)] = clean(text) if type(text) is str else "", _texts(names)
    return found


def _texts(value):
    """The strings of a list, neutralised; whatever else was sent is nothing."""
    parts = value if type(value) is list else []
    return [clean(part)[:200] for part in parts if type(part) is str]


def error_of(raised, file):
    """The AnswerError on what a worker says was raised; of that kind too, if known."""
    raised = raised if type(raised) is dict else {}
    raised = {k: clean(v) if type(v) is str else v for k, v in raised.items()}
    return TOLD.get(raised.get("kind"), AnswerError)(explain.raised(raised, file))


def missing(name, functions, file):
    """The sentence on a function that is not there."""
    what = f"{file} does not define {name}"
    near = difflib.get_close_matches(name, functions, n=1, cutoff=0.5)
    if near:
        return f"{what}, but it defines {near[0]}: give it back its name {name}."
    return f"{what}: put `def {name}(...)` back as it stood in the stub."


def _arguments(parameters, args, named):
    names = [
        *parameters,
        *(f"argument {i + 1}" for i in range(len(parameters), len(args))),
    ]
    both = dict(zip(names, args)) | named
    return ", ".join(_argument(name, value) for name, value in both.items())


def _argument(name, value):
    if is_array(value) and value.ndim:
        return f"{name}: {'×'.join(map(str, value.shape))}"
    text = short(value)
    return f"{name}={text}" if len(text) <= 40 else f"{name}: {type(value).__name__}"
