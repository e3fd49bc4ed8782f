"""Grade one task: its checks in a process of their own, every outcome a plain object.

A check that never ends, kills its process or eats the memory costs itself; the process
is started again for the checks that are left.
"""

import contextlib
import io
import os
import signal
import stat
import sys
import tempfile
import time
from pathlib import Path

try:
    from tinyft.grading import process, worker
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"grading needs {missing.name}, which is not installed: "
        'python -m pip install "tinyft[course]"'
    ) from None

from tinyft.grading.candidate import Candidate, encode
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import Heard, TaskResult
from tinyft.grading.student import AnswerError, decode

START = 60.0  # seconds for Python, NumPy and pytest to start on a busy machine
LARGEST = 1 << 20  # bytes of an answer
PROCESSES = sys.platform not in ("emscripten", "wasi")


def grade(task, path=None, student="", inside=None):
    """Grade a file (the learner's own by default) with the task's pristine test.

    inside: the folder that the file must really lie in (no link may lead out of it).
    A missing or unreadable file fails every check with a sentence; a test that cannot
    be run gives a result whose `problem` says why.  Never raises for either.
    """
    path = Path(path or task.answer)
    data, reason = _read(task, path, inside)
    candidate = candidate_of(task, path.name, data, student, path)
    result = TaskResult(task.label, task.title, str(path), [])
    try:
        result.checks = run(task, [candidate])[candidate.name]
    except GradingError as error:
        result.problem = str(error)
    result.note = "" if reason else _note(candidate)
    return result


def candidate_of(task, name, data, student="", path=None):
    """A candidate for a task's checks, with the task's forbidden imports."""
    forbidden = tuple(task.settings.get("forbidden", ()))
    return Candidate(name, path or task.answer, data, student, task.label, forbidden)


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
        return decode(candidate.data, candidate.path.name)[1]
    except AnswerError:
        return ""  # the checks say it


def run(task, candidates, strict=False, seconds=None, first=False):
    """{candidate's name: [Check]} of every check on every candidate.

    strict: also try the named mistakes on right answers (the self-test).  seconds: wall
    clock of one check.  first: leave a candidate at its first failed check.  Raises
    GradingError when the test itself cannot be run.
    """
    seconds = seconds or task.settings.get("seconds", 10)
    state = Heard([candidate.name for candidate in candidates])
    how = {"strict": strict, "first": first, "seconds": seconds}
    while not state.finished:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            job = _job(task, candidates, state, Path(folder), **how)
            process_or_here = _process if PROCESSES else _here
            ended = process_or_here(job, Path(folder), state, seconds)
        state.after(task, ended)
    return state.results()


def _job(task, candidates, state, folder, strict, first, seconds):
    scratch = folder / "work"
    scratch.mkdir()
    whole = 60 + 2 * seconds * max(1, len(candidates)) * 10
    limits = {"megabytes": task.settings.get("megabytes", 1024), "seconds": whole}
    return {
        "test": str(task.test.resolve()),
        "scratch": str(scratch),
        "results": str(folder / "results.jsonl"),
        "nonce": state.nonce,
        "strict": strict,
        "first": first,
        "done": [list(key) for key in state.done(first)],
        "limits": limits,
        "candidates": [encode(one) for one in candidates],
    }


def _process(job, folder, state, seconds):
    """Run one worker to its end or its limit; returns how it ended, as a clause."""
    results, errors = Path(job["results"]), folder / "errors.txt"
    results.touch()
    state.restart()
    one = process.borrow()
    with open(results, "rb") as heard:
        try:
            one.start(job, errors)
            while (code := one.poll()) is None:
                _listen(heard, state)
                limit = seconds if state.running else START
                if time.monotonic() - state.since > limit:
                    return f"did not end within {limit:g} s: is there an endless loop?"
                time.sleep(0.003)
        finally:
            process.give_back(one)
            _listen(heard, state)
    return _ended(code, errors)


def _here(job, folder, state, seconds):
    """Where no process can be started (a browser): in this one, without limits."""
    state.restart()
    job = job | {"limits": None}
    job.pop("results")
    with contextlib.redirect_stdout(io.StringIO()):
        worker.grade(job, lambda line: state.hear(line.strip().encode()))
    return "ended the grading"


def _listen(heard, state):
    *lines, state.rest = (state.rest + heard.read()).split(b"\n")
    for line in lines:
        state.hear(line)


def _ended(code, errors):
    """How a process ended, as a clause after "closed_form.py in this check"."""
    if code < 0:
        name = signal.Signals(-code).name
        crash = name in ("SIGSEGV", "SIGABRT", "SIGBUS")
        look = ": look for a huge recursion" if crash else ""
        return f"crashed Python ({name}){look}"
    said = errors.read_text("utf-8", "replace") if os.path.exists(errors) else ""
    lines = said.strip().splitlines()
    last = f" ({lines[-1][:200]})" if lines else ""
    return f"ended Python with status {code}{last}: remove os._exit and the like"


worker_environment = process.environment
