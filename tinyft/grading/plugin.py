"""The pytest side of the grader; load it with `-p tinyft.grading.plugin`.

It is never an entry point: that would load it into other people's pytest runs.  A
check is a test that takes the fixture `student`; `@pytest.mark.points(k)` says its
worth.  Alone it grades the file beside the test; the worker hands it a `Grading` with
other files.
"""

import _thread
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from tinyft.grading import context, guard
from tinyft.grading.candidate import Candidate
from tinyft.grading.compare import Failed, GraderFault
from tinyft.grading.student import AnswerError, explain, load

NAME = "tinyft-grading"


class Grading:
    """Runs every check on every candidate and reports each outcome as it happens."""

    def __init__(self, candidates=(), report=None, done=(), protect=None, first=False):
        self.candidates = list(candidates)
        self.report = report or (lambda **event: None)
        self.done = set(map(tuple, done))
        self.protect = protect
        self.first, self.failed, self.trusted = first, set(), False
        self.loaded = {}
        self.before = None

    def pytest_generate_tests(self, metafunc):
        if "candidate" in metafunc.fixturenames:
            chosen = self.candidates or [_beside(metafunc)]
            ids = [f"@{i}" for i in range(len(chosen))]
            metafunc.parametrize("candidate", chosen, indirect=True, ids=ids)

    def pytest_collectreport(self, report):
        if report.failed:
            self.report(event="fault", message=str(report.longrepr)[-2000:])

    def pytest_collection_modifyitems(self, items):
        for item in items:
            if not hasattr(item, "callspec") or "candidate" not in item.callspec.params:
                said = f"{item.name} does not use the fixture `student`"
                self.report(event="fault", message=said)
                raise pytest.UsageError(said)
        checks = {check_id(item): _describe(item) for item in items}
        self.report(event="collected", checks=list(checks.values()))
        items[:] = [item for item in items if _key(item) not in self.done]

    def pytest_collection_finish(self):
        self.before = guard.snapshot(self.trusted)
        self.threads = _thread._count()
        if self.protect:
            self.protect()

    def student(self, candidate):
        """The candidate's module, loaded once; its failure is told for every check."""
        if candidate.name not in self.loaded:
            self.report(event="loading", candidate=candidate.name)
            self.loaded[candidate.name] = self._load(candidate)
            self.report(event="loaded", candidate=candidate.name)
        module = self.loaded[candidate.name]
        if isinstance(module, AnswerError):
            raise module
        return module

    def _load(self, candidate):
        try:
            module = load(candidate.data, candidate.path, candidate.forbidden)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            module = AnswerError(explain(error, candidate.path))
        changed = guard.restore(self.before)
        module = _replaced(candidate, changed) if changed else module
        return _threaded(candidate) if self._more_threads() else module

    def _more_threads(self):
        """True when an answer left a thread behind (told by Python 3.11 only so)."""
        return bool(self.protect) and _thread._count() > self.threads

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        candidate, check = _key(item)
        if candidate in self.failed:
            return (yield)  # Leave answers
        if self.candidates:  # a worker: nobody reads pytest's own report
            item.repr_failure = lambda *_, **__: "failed"
        context.called, context.changed = None, frozenset()
        self.report(event="start", candidate=candidate, check=check)
        began = time.perf_counter()
        item.outcome = {"status": "failed", "message": "The check did not run."}
        result = yield
        seconds = round(time.perf_counter() - began, 4)
        event = {"event": "check", "candidate": candidate, "check": check}
        self.report(**event, **item.outcome, seconds=seconds)
        if self.first and item.outcome["status"] != "passed":
            self.failed.add(candidate)
        if self._more_threads():  # what it may do later must reach nobody else
            self.report(event="leave")
            os._exit(0)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        candidate = item.callspec.params["candidate"]
        try:
            result = yield
        except (AssertionError, GraderFault, AnswerError):
            guard.restore(self.before)
            raise
        except BaseException as error:  # SystemExit, Skipped, KeyboardInterrupt too
            guard.restore(self.before)
            raise AnswerError(explain(error, candidate.path)) from error
        changed = guard.restore(self.before)
        if changed:
            raise _replaced(candidate, changed)
        if self._more_threads():
            raise _threaded(candidate)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "call" or call.excinfo:
            item.outcome = _outcome(item, call)
            item.outcome["output"] = (report.capstdout or "")[-2000:]
        return report


class Leave:
    """Passes over the checks of a candidate that has failed, when told to."""

    def __init__(self, failed):
        self.failed = failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        return True if _key(item)[0] in self.failed else None


def _beside(metafunc):
    test = Path(metafunc.module.__file__)
    path = test.with_name(test.name.removeprefix("test_"))
    data = path.read_bytes() if path.exists() else b""
    label = f"{path.parent.name}/{path.stem}"
    return Candidate(path.name, path, data, metafunc.config.option.student, label)


def check_id(item):
    """The check's name without the part that names the candidate."""
    return re.sub(r"@\d+-|-@\d+|\[@\d+\]", "", item.name)


def _key(item):
    return item.callspec.params["candidate"].name, check_id(item)


def _describe(item):
    mark = item.get_closest_marker("points")
    doc = (item.function.__doc__ or "").strip().splitlines()
    title = doc[0] if doc else check_id(item).removeprefix("test_").replace("_", " ")
    points = mark.args[0] if mark and mark.args else 1
    return {"name": check_id(item), "title": title.rstrip("."), "points": points}


def _replaced(candidate, changed):
    return AnswerError(
        f"{candidate.path.name} replaced {', '.join(changed[:3])}, which the grader "
        "uses too: leave the libraries as they are and return your answer."
    )


def _threaded(candidate):
    return AnswerError(
        f"{candidate.path.name} leaves a thread running: compute and return, no threads."
    )


def _outcome(item, call):
    if call.excinfo is None:
        return {"status": "passed", "message": ""}
    error = call.excinfo.value
    if isinstance(error, Failed):
        told = {"named": error.named, "margin": error.margin}
        return {"status": "failed", "message": error.message} | told
    if isinstance(error, GraderFault):
        return {"status": "fault", "message": str(error)}
    path = item.callspec.params["candidate"].path
    if isinstance(error, AssertionError) and path.name not in explain(error, path):
        said = str(error).split("\nassert ")[0]  # without pytest's own analysis
        return {"status": "failed", "message": said}
    return {"status": "failed", "message": explain(error, path)}


@pytest.fixture
def candidate(request):
    """The file that is graded."""
    return request.param


@pytest.fixture
def student(candidate, request):
    """The learner's module: call its functions as `student.name(...)`."""
    grading = request.config.pluginmanager.get_plugin(NAME)
    return grading.student(candidate)


@pytest.fixture
def seed(candidate):
    """An integer from the student's ID and the task."""
    return candidate.seed


@pytest.fixture
def rng(seed):
    """numpy.random.default_rng(seed)."""
    return np.random.default_rng(seed)


def pytest_addoption(parser):
    """--student ID: whose data the checks draw."""
    group = parser.getgroup("tinyft grading")
    group.addoption("--student", default="", help="ID from which the data are drawn")


def pytest_configure(config):
    """Declare the marker; grade the file beside the test when nobody said otherwise."""
    config.addinivalue_line("markers", "points(k): the check is worth k points")
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Grading(), NAME)
