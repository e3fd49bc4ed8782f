"""The faults somebody wrote down for a chapter, and the library files they are in.

tests/faults/NN_name.toml:

    [[fault]]
    file = "transfer/l2sp.py"          # in the package
    old = "2 * n * lam"                # occurs once in that file
    new = "n * lam"
    why = "the factor 2 of (9.4)"

    [equivalent]                       # sampled faults that change nothing
    "transfer/l2sp.py area: c = a + b → c = b + a" = "addition commutes"
"""

import tomllib
from dataclasses import dataclass, field

from tinyft.course import chapters
from tinyft.course.run.execute import CourseError
from tinyft.grading import places


@dataclass
class Notes:
    """What a chapter's TOML says: faults by hand, and why some change nothing."""

    by_hand: list = field(default_factory=list)
    equivalent: dict = field(default_factory=dict)


def files(chapter):
    """The chapter's library files, relative to the package (course/chapters.toml)."""
    try:
        return chapters.one(chapter).library
    except LookupError as error:
        raise CourseError(str(error)) from None


def notes(chapter, folder=None):
    """The chapter's Notes, empty without a file; CourseError when it is malformed."""
    folder = folder or places.library() / "tests" / "faults"
    path = folder / f"{chapter}.toml"
    if not path.exists():
        return Notes()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}") from None
    found = Notes(data.get("fault", []), data.get("equivalent", {}))
    for number, fault in enumerate(found.by_hand, 1):
        missing = {"file", "old", "new", "why"} - set(fault)
        if missing or set(data) - {"fault", "equivalent"}:
            said = ", ".join(sorted(missing)) or "only [[fault]] and [equivalent]"
            raise CourseError(f"{path}: fault {number} needs {said}")
    return found
