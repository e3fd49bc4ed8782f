"""Grade one task: its checks in a judge's process, the answer in a box of its own.

A check that never ends, kills its process or eats the memory costs itself; a judge or a
box that is lost is replaced for the checks that are left.
"""

import contextlib
import stat
from pathlib import Path

try:
    from tinyft.grading.judging.jobs import Part, run_parts
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"grading needs {missing.name}, which is not installed: "
        'python -m pip install "tinyft[course]"'
    ) from None

from tinyft.grading.candidate import AnswerError, Candidate, read
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import TaskResult
from tinyft.grading.sandbox import box, process

LARGEST = 1 << 20  # bytes of an answer


def grade(task, path=None, student="", boxes=None, secret=b""):
    """Grade a file (the learner's own by default) with the task's pristine test.

    boxes: where the answer runs, behind the strongest fence that stands by default.
    A missing or unreadable file fails every check with a sentence; a test that cannot
    be run gives a result whose `problem` says why.  Never raises for either.
    """
    given = {task.label: Path(path)} if path else {}
    return grade_all([task], given, student, boxes, secret)[0]


def grade_all(tasks, given=None, student="", boxes=None, secret=b""):
    """[TaskResult]: one answer for each task, as few judges as may be.

    given: {task label: a path, or bytes, or a text that says why there are none};
    where nothing is given, the learner's own file.
    """
    if boxes is None:
        with box.Boxes() as boxes:
            return grade_all(tasks, given, student, boxes, secret)
    ready = [_prepared(task, (given or {}).get(task.label)) for task in tasks]
    parts = [
        Part(task, [candidate_of(task, task.label, data, student, secret)])
        for task, (_, data, _) in zip(tasks, ready)
    ]
    found = {}
    for key in dict.fromkeys(part.key for part in parts):
        found |= _graded([part for part in parts if part.key == key], boxes)
    return [_result(task, *one, *found[task.label]) for task, one in zip(tasks, ready)]


def _prepared(task, given):
    """(path, bytes, reason) of an answer; the bytes tell the reason when there is one."""
    path = given if isinstance(given, Path) else Path(f"{task.name}.py")
    if given is None or isinstance(given, Path):
        path = given or task.answer
        data, reason = _read(task, path)
    else:
        data, reason = (b"", given) if isinstance(given, str) else (given, "")
    if reason:
        data = f"raise NotImplementedError({reason!r})\n".encode()
    return path, data, reason


def _graded(parts, boxes):
    """{task label: (checks, problem)}; a judge that fails for all is asked for each."""
    try:
        state = run_parts(parts, boxes)
    except GradingError as error:
        if len(parts) == 1:
            return {parts[0].task.label: ([], str(error))}
        return {k: v for part in parts for k, v in _graded([part], boxes).items()}
    if state.faults and len(parts) > 1:
        return {k: v for part in parts for k, v in _graded([part], boxes).items()}
    return {part.task.label: _outcome(part, state) for part in parts}


def _outcome(part, state):
    name = part.candidates[0].name
    fault = part.fault(state)
    return ([], fault) if fault else (state.results(name), "")


def _result(task, path, data, reason, checks, problem):
    result = TaskResult(task.label, task.title, str(path), checks, problem=problem)
    result.note = "" if reason or problem else _note(data, f"{task.name}.py")
    return result


def candidate_of(task, name, data, student="", secret=b""):
    """A candidate for a task's checks."""
    path = task.answer.with_name(f"{task.name}.py")
    return Candidate(name, path, data, student, task.label, secret)


def _read(task, path):
    """(bytes, "") of a file; where there is none, (b"", the reason)."""
    try:
        reason = _unfit(task, path)
        return (b"", reason) if reason else (path.read_bytes(), "")
    except OSError as error:
        return b"", f"{path.name} cannot be read ({error.strerror}): make it readable"


def _unfit(task, path):
    if not path.exists():
        return f"{path.name} is not there: tinyft reset {task.label} makes it"
    if not stat.S_ISREG(path.stat().st_mode):
        return f"{path.name} is not a file: put your answer there as a text file"
    if path.stat().st_size > LARGEST:
        return f"{path.name} is larger than 1 MiB: hand in the answer alone"
    return ""


def _note(data, name):
    try:
        return read(data, name)[1]
    except AnswerError:
        return ""  # the checks say it


def run(task, candidates, strict=False, seconds=None, first=False, boxes=None):
    """{candidate's name: [Check]} of every check on every candidate.

    strict: also try the named mistakes on right answers (the self-test).  seconds: wall
    clock of one check.  first: leave a candidate at its first failed check.  boxes:
    where answers run.  Raises GradingError when the test itself cannot be run.
    """
    changes = {"first": first} | ({"seconds": seconds} if seconds else {})
    part = Part(task, list(candidates), changes)
    with contextlib.nullcontext(boxes) if boxes else box.Boxes() as where:
        state = run_parts([part], where, strict)
    if part.fault(state):
        raise GradingError(part.fault(state))
    return {one.name: state.results(one.name) for one in part.candidates}


worker_environment = process.environment
