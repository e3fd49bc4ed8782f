"""Grade one task: its checks in a process of their own, every outcome a plain object.

A check that never ends, kills its process or eats the memory costs itself; the process
is started again for the checks that are left.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tinyft.grading.exercise import PACKAGE_PARENT, GradingError
from tinyft.grading.plugin import Candidate
from tinyft.grading.results import Heard, TaskResult
from tinyft.grading.student import AnswerError, decode
from tinyft.grading.worker import encode

START = 60.0  # seconds for Python, NumPy and pytest to start on a busy machine


def grade(task, path=None, student=""):
    """Grade a file (the learner's own by default) with the task's pristine test."""
    path = Path(path or task.answer)
    if not path.exists():
        raise GradingError(f"{path} is not there: tinyft reset {task.label} makes it")
    candidate = candidate_of(task, path.name, path.read_bytes(), student, path)
    checks = run(task, [candidate])[candidate.name]
    return TaskResult(task.label, task.title, str(path), checks, _note(candidate))


def candidate_of(task, name, data, student="", path=None):
    """A candidate for a task's checks, with the task's forbidden imports."""
    forbidden = tuple(task.settings.get("forbidden", ()))
    return Candidate(name, path or task.answer, data, student, task.label, forbidden)


def _note(candidate):
    try:
        return decode(candidate.data, candidate.path.name)[1]
    except AnswerError:
        return ""  # the checks say it


def run(task, candidates, strict=False, seconds=None):
    """{candidate's name: [Check]} of every check on every candidate.

    strict: also try the named mistakes on right answers (the self-test).  seconds: wall
    clock of one check.  Raises GradingError when the test itself cannot be run.
    """
    seconds = seconds or task.settings.get("seconds", 10)
    state = Heard([candidate.name for candidate in candidates])
    while not state.finished:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            job = _job(task, candidates, strict, seconds, state, Path(folder))
            ended = _process(job, Path(folder), state, seconds)
        state.after(task, ended)
    return state.results()


def _job(task, candidates, strict, seconds, state, folder):
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
        "done": [list(key) for key in state.outcomes],
        "limits": limits,
        "candidates": [encode(one) for one in candidates],
    }


def _process(job, folder, state, seconds):
    """Run one worker to its end or its limit; returns how it ended, as a clause."""
    results, errors = Path(job.pop("results")), folder / "errors.txt"
    results.touch()
    job["results"] = str(results)
    state.restart()
    with open(errors, "wb") as stderr, open(results, "rb") as heard:
        worker = _start_worker(job["scratch"], stderr)
        try:
            _send(worker, job)
            while worker.poll() is None:
                _listen(heard, state)
                limit = seconds if state.running else START
                if time.monotonic() - state.since > limit:
                    return f"did not end within {limit:g} s: is there an endless loop?"
                time.sleep(0.01)
        finally:
            _kill(worker)
            _listen(heard, state)
    return _ended(worker.returncode, errors)


def _start_worker(scratch, stderr):
    group = {"start_new_session": True} if os.name == "posix" else {}
    code = "from tinyft.grading.worker import main; main()"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=scratch,
        env=worker_environment(),
        **group,
    )


def worker_environment():
    """This environment without what would change a result: one thread, no plugins."""
    paths = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    drop = ("PYTEST_", "TINYFT_", "COV_", "COVERAGE_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }


def _send(worker, job):
    try:
        worker.stdin.write(json.dumps(job).encode() + b"\n")
        worker.stdin.close()
    except BrokenPipeError:
        pass  # it died at once; its errors are told


def _listen(heard, state):
    *lines, state.rest = (state.rest + heard.read()).split(b"\n")
    for line in lines:
        state.hear(line)


def _kill(worker):
    try:
        if os.name == "posix":
            os.killpg(worker.pid, signal.SIGKILL)
        else:
            worker.kill()
    except (ProcessLookupError, PermissionError):
        pass
    worker.wait()


def _ended(code, errors):
    """How a process ended, as a clause after "closed_form.py in this check"."""
    if code < 0:
        return (
            f"crashed Python ({signal.Signals(-code).name}): look for a huge recursion"
        )
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f" ({lines[-1][:200]})" if lines else ""
    return f"ended Python with status {code}{last}: remove os._exit and the like"
