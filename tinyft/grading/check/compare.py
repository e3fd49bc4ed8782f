"""compare(): an answer against its closed form; on a mismatch, which mistake was made.

    discrepancy = max|got − want| / max|want|      right when it is <= tol

A mismatch is first tried against the task's named mistakes (the value that the mistake
would give on the same data), then described by what `diagnose` finds.
"""

import re

import numpy as np

from tinyft.grading.check import context, diagnose

MARGIN = 10  # a mistake must differ from the answer by this many tolerances


class Failed(AssertionError):
    """A check failed: the verdict, the mistakes it names, the numbers it is told from.

    plain: what is wrong in other words, should another draw contradict the names.
    margin: how many tolerances off.
    """

    def __init__(self, message, named=(), margin=None, numbers="", plain=""):
        super().__init__(join(message, numbers))
        self.message, self.named, self.margin = message, list(named), margin
        self.numbers, self.plain = numbers, plain or message


class GraderFault(Exception):
    """The check itself is badly made: a sentence for its author."""


def fail(mistake, said="", equation=""):
    """Fail a check that is not about a number, naming the mistake."""
    told = join(f"{mistake}.", _sentence(said), see(equation))
    raise Failed(
        told, named=[mistake], plain=join("The answer is wrong.", see(equation))
    )


def compare(got, want, mistakes=None, tol=1e-9, equation="", called=None, scale=None):
    """Return None when got equals want within tol; raise Failed, saying why, if not.

    got: what the answer returned.  want: scalar, array, Tensor or a tuple of those.
    mistakes: {name: value or callable without arguments}; one that gives the right
    answer on this draw (n = 1, say) is passed over.  tol: bound on
    max|got − want| / max|want|; `scale` replaces max|want|.  equation: "(9.4)".
    """
    mistakes = mistakes or {}
    if context.strict:
        _distinct(want, mistakes, tol, scale)
    wrong = _mismatch(got, want, tol, scale)
    if wrong is None:
        return
    described, margin = wrong
    fits = [
        name
        for name, mistake in mistakes.items()
        if _fits(got, mistake, tol, scale) and not _fits(want, mistake, tol, scale)
    ]
    where = see(equation)
    raise Failed(
        join(naming(fits) if fits else described, where),
        fits,
        margin,
        _heading(called or context.called, got, want),
        join(described, where),
    )


def naming(mistakes):
    """The verdict that names one mistake, or all that fit."""
    return f"Your answer is the right one with this mistake: {', or '.join(mistakes)}."


def changed_in_place(names):
    """The Failed of a check in whose calls inputs were changed in place."""
    named = [f"{name} was changed in place" for name in names]
    said = (
        f"{', '.join(named)}: work on new arrays, without +=, *= or out= on an input."
    )
    return Failed(said, named=named)


def also_changed(error, names):
    """The Failed with what was changed in place besides."""
    if not names or any("in place" in one for one in error.named):
        return error
    named = [f"{name} was changed in place" for name in names]
    message = join(error.message, f"Besides, {', '.join(named)}.")
    named = [*error.named, *named]
    return Failed(message, named, error.margin, error.numbers, error.plain)


def _mismatch(got, want, tol, scale):
    """None when right; else (sentence, discrepancy/tol)."""
    if isinstance(want, tuple):
        return _tuple_mismatch(got, want, tol, scale)
    problem = diagnose.kind(got, want)
    if problem:
        return problem, None
    if isinstance(want, str) or want is None:
        return None
    a, b = diagnose.numbers(got), diagnose.numbers(want)
    if a.shape != b.shape:
        return diagnose.shapes(a, b, tol), None
    gap = discrepancy(a, b, scale)
    if gap <= tol:
        return None
    return diagnose.values(a, b, max(tol, 1e-9), got), gap / tol if tol else None


def _tuple_mismatch(got, want, tol, scale):
    if not isinstance(got, (tuple, list)) or len(got) != len(want):
        return diagnose.several(got, [f"value {i + 1}" for i in range(len(want))]), None
    for i, (one, other) in enumerate(zip(got, want, strict=True)):
        wrong = _mismatch(one, other, tol, scale)
        if wrong:
            return f"Value {i + 1} of {len(want)} is wrong. {wrong[0]}", wrong[1]
    return None


def discrepancy(a, b, scale=None):
    """max|a − b| / max|b|; infinite when a NaN or infinity stands on one side only."""
    if a.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        gap = np.where(same, 0.0, np.abs(a - b))
        gap = float(np.max(np.where(np.isnan(gap), np.inf, gap)))
        size = float(np.max(np.abs(b))) if scale is None else scale
    return gap / size if np.isfinite(size) and size > 0 else gap


def _fits(got, mistake, tol, scale):
    try:
        value = mistake() if callable(mistake) else mistake
        return _mismatch(got, value, tol, scale) is None
    except Exception:  # a name less, not a wrong verdict; the self-test tells of it
        return False


def _distinct(want, mistakes, tol, scale):
    """Note which mistakes are right on this draw; GraderFault for one in between."""
    for name, mistake in mistakes.items():
        try:
            value = mistake() if callable(mistake) else mistake
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise GraderFault(
                f"the mistake {name!r} cannot be computed on this check's data ({what})"
            ) from error
        right = _mismatch(value, want, tol, scale) is None
        if not right and _mismatch(value, want, MARGIN * tol, scale) is None:
            raise GraderFault(
                f"the mistake {name!r} is within {MARGIN} tolerances of the right "
                "answer on this check's data: change the data, or drop the mistake"
            )
        (context.coinciding if right else context.telling).add(name)


def _heading(called, got, want):
    short = diagnose.short
    head = f"Called {called}. " if called else ""
    return f"{head}Returned {short(got)}, expected {short(want)}."


def _sentence(text):
    """With a full stop, and a capital unless it begins with a name of the code."""
    word = text.split(" ")[0].rstrip(",:")
    if word in ("a", "an", "no") or (len(word) > 2 and re.fullmatch("[a-z]+", word)):
        text = text[0].upper() + text[1:]
    return f"{text}." if text and text[-1] not in ".?!" else text


def see(equation):
    """The sentence that names an equation."""
    if not equation:
        return ""
    return f"See {'equation ' if equation.startswith('(') else ''}{equation}."


def join(*parts):
    """Sentences one after the other, without the empty ones."""
    return " ".join(part for part in parts if part)
