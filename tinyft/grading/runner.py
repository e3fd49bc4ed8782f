"""Grade one task: its checks in a judge's process, the answer in a box of its own.

A check that never ends, kills its process or eats the memory costs itself; a judge or a
box that is lost is replaced for the checks that are left.
"""

import queue
import signal
import stat
import tempfile
import time
from pathlib import Path

try:
    from tinyft.grading.sandbox import alone, judge, process
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"grading needs {missing.name}, which is not installed: "
        'python -m pip install "tinyft[course]"'
    ) from None

from tinyft.grading.candidate import Candidate, encode, read
from tinyft.grading.check.explain import AnswerError
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import Heard, TaskResult
from tinyft.grading.sandbox import box

START = 60.0  # seconds for Python, NumPy and pytest to start on a busy machine
OWN = 2, 10  # a judge's own time for a check: so many times the answer's, and more
LARGEST = 1 << 20  # bytes of an answer


def grade(task, path=None, student="", inside=None, boxes=None, secret=b""):
    """Grade a file (the learner's own by default) with the task's pristine test.

    inside: the folder that the file must really lie in (no link may lead out of it).
    boxes: where the answer runs, the strongest fence that stands by default.
    A missing or unreadable file fails every check with a sentence; a test that cannot
    be run gives a result whose `problem` says why.  Never raises for either.
    """
    path = Path(path or task.answer)
    data, reason = _read(task, path, inside)
    candidate = candidate_of(task, path.name, data, student, path, secret)
    result = TaskResult(task.label, task.title, str(path), [])
    try:
        result.checks = run(task, [candidate], boxes=boxes)[candidate.name]
    except GradingError as error:
        result.problem = str(error)
    result.note = "" if reason else _note(candidate)
    return result


def candidate_of(task, name, data, student="", path=None, secret=b""):
    """A candidate for a task's checks."""
    path = (path or task.answer).with_name(f"{task.name}.py")
    return Candidate(name, path, data, student, task.label, secret)


def _read(task, path, inside):
    """(bytes, "") of a file; where there is none, (one that says why, the reason)."""
    try:
        reason = _unfit(task, path, inside)
        if not reason:
            return path.read_bytes(), ""
    except OSError as error:
        reason = f"{path.name} cannot be read ({error.strerror}): make it readable"
    return f"raise NotImplementedError({reason!r})\n".encode(), reason


def _unfit(task, path, inside):
    if not path.exists():
        return f"{path.name} is not there: tinyft reset {task.label} makes it"
    if not stat.S_ISREG(path.stat().st_mode):
        return f"{path.name} is not a file: put your answer there as a text file"
    if inside and Path(inside).resolve() not in path.resolve().parents:
        return f"{path.name} is a link to another place: hand in the file itself"
    if path.stat().st_size > LARGEST:
        return f"{path.name} is larger than 1 MiB: hand in the answer alone"
    return ""


def _note(candidate):
    try:
        return read(candidate.data, candidate.path.name)[1]
    except AnswerError:
        return ""  # the checks say it


def run(task, candidates, strict=False, seconds=None, first=False, boxes=None):
    """{candidate's name: [Check]} of every check on every candidate.

    strict: also try the named mistakes on right answers (the self-test).  seconds: wall
    clock of one check.  first: leave a candidate at its first failed check.  boxes:
    where answers run.  Raises GradingError when the test itself cannot be run.
    """
    if boxes is None:
        with box.Boxes() as boxes:
            return run(task, candidates, strict, seconds, first, boxes)
    settings = task.rules() | {"first": first}
    settings["fenced"] = boxes.fence not in ("none", "browser")
    settings["seconds"] = seconds or settings["seconds"]
    state = Heard([candidate.name for candidate in candidates])
    while not state.finished:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            job = _job(task, candidates, state, Path(folder), settings, strict)
            ended = (_process if box.PROCESSES else _here)(job, task, state, boxes)
        state.after(task, ended)
    return state.results()


def _job(task, candidates, state, folder, settings, strict):
    scratch = folder / "work"
    scratch.mkdir()
    seconds = 60 + 20 * settings["seconds"] * max(1, len(candidates))
    return {
        "test": str(task.test.resolve()),
        "scratch": str(scratch),
        "strict": strict,
        "done": [list(key) for key in state.done(settings["first"])],
        "settings": settings,
        "limits": {"megabytes": 1024, "seconds": seconds},
        "candidates": [encode(one) for one in candidates],
    }


def _process(job, task, state, boxes):
    """Run one judge to its end or its limit; returns how it ended, as a clause."""
    state.restart()
    worker, one = boxes.get(task), process.borrow()
    hangs = True
    try:
        events = one.start(job, worker and worker.control)
        hangs = not _listen(events, state, job["settings"]["seconds"])
    finally:
        status = process.give_back(one, hangs)
        if worker and (state.lost or not state.finished):
            boxes.drop(worker)
    return "did not end in time" if hangs else _ended(status)


def _listen(events, state, seconds):
    """Hear a judge to its end; False when it hangs."""
    factor, more = OWN
    while True:
        limit = factor * seconds + more if state.running else START
        try:
            line = events.get(state.since + limit - time.monotonic())
        except queue.Empty:
            return False
        if line is None:
            return True
        state.hear(line)


def _here(job, task, state, boxes):
    """Where no process can be started (a browser): in this one, without limits."""
    state.restart()
    opener = alone.cold(task.imports, task.forbidden)
    judge.grade(job | {"limits": None}, state.hear, opener)
    return "ended the grading"


def _ended(status):
    """How a judge ended, as a clause."""
    if status is not None and status < 0:
        return f"ended the judge ({signal.Signals(-status).name})"
    return f"ended the judge with status {status}"


worker_environment = process.environment
