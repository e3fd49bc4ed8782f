"""Parts of work, and the judges that do them, one after the other to the end."""

import contextlib
import io
import queue
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tinyft.grading.candidate import encode
from tinyft.grading.exercise import Task
from tinyft.grading.judging import judge
from tinyft.grading.results import Heard
from tinyft.grading.sandbox import alone, box, process

START = 60.0  # seconds for Python, NumPy and pytest to start on a busy machine
OWN = 2, 10  # a judge's own time for a check: so many times the answer's, and more


@dataclass
class Part:
    """One task's candidates and how they are graded."""

    task: Task
    candidates: list
    changes: dict = field(default_factory=dict)  # of the task's own rules

    key = property(lambda self: (self.task.imports, self.task.forbidden))
    test = property(lambda self: str(self.task.test.resolve()))

    def rules(self, fence):
        """How the candidates are graded behind a fence."""
        fenced = fence not in ("none", "browser")
        return self.task.rules() | {"first": False, "fenced": fenced} | self.changes

    def fault(self, state):
        """Why this task's checks cannot be run, or ""."""
        reason = state.faults.get(self.test)
        if not reason and not state.checks.get(self.candidates[0].name):
            reason = "it holds no check (def test_...(student))"
        return f"{self.task.test.name} cannot grade: {reason}" if reason else ""


def run_parts(parts, boxes, strict=False):
    """The Heard of parts that may use one box; judges follow one another to its end."""
    state = Heard([one.name for part in parts for one in part.candidates])
    while not state.finished:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            job = _job(parts, state, Path(folder), boxes.fence, strict)
            judging = _process if box.PROCESSES else _here
            state.after(judging(job, parts[0].task, state, boxes))
    return state


def _job(parts, state, folder, fence, strict):
    scratch = folder / "work"
    scratch.mkdir()
    told = [
        {
            "test": part.test,
            "settings": part.rules(fence),
            "candidates": [encode(one) for one in part.candidates],
        }
        for part in parts
    ]
    first = told[0]["settings"]["first"]
    slowest = max(one["settings"]["seconds"] for one in told)
    return {
        "parts": told,
        "scratch": str(scratch),
        "strict": strict,
        "done": [list(key) for key in state.done(first)],
        "limits": {"megabytes": 1024, "seconds": 60 + 20 * slowest * len(state.names)},
        "seconds": slowest,
    }


def _process(job, task, state, boxes):
    """Run one judge to its end or its limit; returns how it ended, as a clause."""
    state.restart()
    worker, one = boxes.get(task), process.borrow()
    hangs = True
    try:
        events = one.start(job, worker and worker.control)
        hangs = not _listen(events, state, job["seconds"])
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
    with contextlib.redirect_stdout(io.StringIO()):
        judge.grade(job | {"limits": None}, state.hear, opener)
    return "ended the grading"


def _ended(status):
    """How a judge ended, as a clause."""
    if status is not None and status < 0:
        return f"ended the judge ({signal.Signals(-status).name})"
    return f"ended the judge with status {status}"
