"""Where the exercises are, and how a stub is made from its solution.

    exercises/NN_name/<task>.py             the learner's file, generated
    exercises/NN_name/test_<task>.py        its grader
    exercises/NN_name/solutions/<task>.py   the single source, with # YOUR CODE markers
    exercises/NN_name/hints.toml            tasks in order: title, hints, limits
    exercises/NN_name/driver_<task>.py      runs beside an answer that works on objects
    exercises/NN_name/wrong_answers.py      WRONG = {task: [(name, old, new), ...]}

`python -m tinyft.grading.exercise FOLDER...` writes the stubs.
"""

import ast
import difflib
import re
import runpy
import sys
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinyft.grading import places

BEGIN = re.compile(r"^(\s*)# YOUR CODE(?::\s*(.*\S))?\s*$")
END = re.compile(r"^\s*# END YOUR CODE\s*$")


class GradingError(Exception):
    """A sentence for the learner or the author of an exercise."""


@dataclass(frozen=True)
class Task:
    """One graded file: `folder` holds its pristine test, `home` the learner's file."""

    chapter: str
    name: str
    folder: Path
    settings: dict = field(default_factory=dict, hash=False)
    home: Path | None = None  # None: in the repository both lie in one folder

    label = property(lambda self: f"{self.chapter}/{self.name}")
    title = property(lambda self: self.settings.get("title", self.name))
    hints = property(lambda self: self.settings.get("hints", []))
    answer = property(lambda self: (self.home or self.folder) / f"{self.name}.py")
    root = property(lambda self: (self.home or self.folder).parent.parent)
    test = property(lambda self: self.folder / f"test_{self.name}.py")
    driver = property(lambda self: self.folder / f"driver_{self.name}.py")
    solution = property(lambda self: self.folder / "solutions" / f"{self.name}.py")
    imports = property(lambda self: tuple(self.settings.get("imports", ())))
    forbidden = property(lambda self: tuple(self.settings.get("forbidden", ())))

    def rules(self):
        """How an answer is run and graded: plain data.

        seconds: of one check; whole: of processor time in all; imports: libraries
        besides NumPy; forbidden: what of them is the answer itself; may_change: inputs
        that an answer may change in place;
        returns: the names of the values of functions that return several.
        """
        own, seconds = self.settings, self.settings.get("seconds", 10)
        return {
            "seconds": seconds,
            "whole": 60 + 20 * seconds,
            "megabytes": own.get("megabytes", 1024),
            "imports": list(self.imports),
            "forbidden": list(self.forbidden),
            "may_change": list(own.get("may_change", ())),
            "returns": own.get("returns", {}),
            "driver": read_source(self.driver) if self.driver.exists() else "",
            "fenced": True,
        }


def find_tasks(root=None):
    """Every task in course order, in `root` or the first of `places.roots()` with any.

    In a learner's workspace: the tasks of the chapters that it has, tests from the
    package's own course; what the package does not know is graded as it lies there.
    """
    for folder in [Path(root)] if root else places.roots():
        is_theirs = places.is_workspace(folder)
        tasks = _theirs(folder) if is_theirs else _tasks_in(folder)
        if tasks:
            return tasks
    return []


def _tasks_in(folder):
    found = sorted((folder / "exercises").glob("[0-9][0-9]*_*"))
    return [task for chapter in found for task in chapter_tasks(chapter)]


def _theirs(folder):
    homes = [
        replace(task, home=folder / "exercises" / task.chapter)
        for task in _tasks_in(places.library())
    ]
    known = [task for task in homes if task.home.is_dir()]
    labels = {task.label for task in known}
    own = [task for task in _tasks_in(folder) if task.label not in labels]
    return sorted(known + own, key=lambda task: task.chapter)


def chapter_tasks(folder):
    """The tasks of one chapter's folder: the tables of hints.toml, in their order."""
    folder = Path(folder)
    path = folder / "hints.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise GradingError(f"{path} is not valid TOML: {error}") from None
    tests = {path.stem[5:] for path in folder.glob("test_*.py")}
    names = [name for name in table if name in tests] + sorted(tests - set(table))
    return [Task(folder.name, name, folder, table.get(name, {})) for name in names]


def choose(wanted, tasks):
    """The tasks asked for, as "09", "l2sp", "09_l2sp/closed_form" or "closed_form"."""
    if not tasks:
        raise GradingError(
            "no exercise was found: there is no exercises/NN_name/test_<task>.py here. "
            "`tinyft start FOLDER` makes a workspace; run this inside it"
        )
    if not wanted:
        return list(tasks)
    keep = {task.label for one in wanted for task in _matching(one, tasks)}
    return [task for task in tasks if task.label in keep]


def _matching(wanted, tasks):
    text = str(wanted).strip("/").removesuffix(".py").removeprefix("exercises/")
    found = [task for task in tasks if text in _spellings(task)]
    if found:
        return found
    labels = {task.label for task in tasks}
    words = labels | {part for one in labels for part in one.split("/")}
    words = sorted(word for word in words if ("/" in word) == ("/" in text))
    near = difflib.get_close_matches(text, words, n=3, cutoff=0.5)
    said = (
        f"did you mean {' or '.join(near)}?" if near else "tinyft list shows them all"
    )
    raise GradingError(f"there is no chapter or task {wanted!r}; {said}")


def _spellings(task):
    number, _, word = task.chapter.partition("_")
    chapter = {task.chapter, number, number.lstrip("0") or "0", word}
    return chapter | {f"{one}/{task.name}" for one in chapter} | {task.name}


def stub_from(solution, raising="NotImplementedError", said="not implemented yet"):
    """The learner's text: each block between the markers becomes one `raise`.

    solution: the source text.  A block `# YOUR CODE: equation (9.4)` inside def f turns
    into `raise NotImplementedError("not implemented yet: f, equation (9.4)")`.
    """
    lines, out, inside = solution.splitlines(), [], False
    for number, line in enumerate(lines):
        begin = BEGIN.match(line)
        if begin and inside:
            raise GradingError(f"line {number + 1}: # YOUR CODE inside # YOUR CODE")
        if begin:
            inside = True
            name = _enclosing(solution, number + 1)
            what = ", ".join(part for part in (name, begin[2]) if part)
            out += [line, f'{begin[1]}raise {raising}("{said}: {what}")']
        elif END.match(line):
            inside = False
        elif not inside:
            out.append(line)
    if inside or not any(BEGIN.match(line) for line in lines):
        raise GradingError(
            "the solution needs # YOUR CODE ... # END YOUR CODE around what the "
            "learner writes"
            + ("; the END line is missing" if inside else "; it has none")
        )
    return "\n".join(out) + "\n"


def _enclosing(source, line):
    """Name of the innermost def around a line; "" outside every def."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds) and node.lineno <= line <= node.end_lineno
    ]
    return max(around, key=lambda node: node.lineno).name if around else ""


def read_source(path):
    """The text of a Python file, byte-order mark and Windows line ends removed."""
    return Path(path).read_text(encoding="utf-8-sig")


def drifted(task):
    """True when the committed stub is not what its solution generates."""
    stub = read_source(task.answer) if task.answer.exists() else None
    return stub != stub_from(read_source(task.solution))


def start_text(task):
    """The text that the learner starts from; GradingError when nobody has it here."""
    if task.solution.exists():
        return stub_from(read_source(task.solution))
    stub = task.folder / f"{task.name}.py"
    if task.home and stub.exists():
        return read_source(stub)
    raise GradingError(f"{task.label} cannot be reset here: its source is not there")


def write_stub(task):
    """Generate the learner's file again."""
    task.answer.write_text(start_text(task), encoding="utf-8", newline="\n")


def wrong_answers(task):
    """[(name, source)] of the task's named wrong answers, each edit applied once."""
    path = task.folder / "wrong_answers.py"
    table = runpy.run_path(str(path))["WRONG"] if path.exists() else {}
    source = read_source(task.solution)
    return [
        (name, _edit(task, source, *edit)) for name, *edit in table.get(task.name, [])
    ]


def _edit(task, source, old, new):
    times = source.count(old)
    if times != 1:
        raise GradingError(
            f"{task.label}: the wrong answer's text {old!r} occurs {times} times in "
            f"solutions/{task.name}.py; it must occur exactly once"
        )
    return source.replace(old, new)


def main(folders):
    """Write the stubs of the given chapter folders."""
    for folder in folders:
        for task in chapter_tasks(folder):
            write_stub(task)
            print(f"wrote {task.answer}")


if __name__ == "__main__":
    main(sys.argv[1:])
