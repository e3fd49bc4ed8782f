"""The pytest side of the grader; load it with `-p tinyft.grading.check.plugin`.

It is never an entry point: that would load it into other people's pytest runs.  A
check is a test that takes the fixture `student`; `@pytest.mark.points(k)` says its
worth.  `@pytest.mark.draws(a, b, ...)` runs it once for each, as the fixture `draw`; a
mistake is named when it fits every draw that fails.  Alone the plugin grades the file
beside the test; the judge's process hands it a `Grading` with other files.
"""

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from tinyft.grading.candidate import Candidate
from tinyft.grading.check import context, explain, student, verdict
from tinyft.grading.check.compare import (
    Failed,
    GraderFault,
    also_changed,
    changed_in_place,
)
from tinyft.grading.check.explain import AnswerError
from tinyft.grading.exercise import chapter_tasks

NAME = "tinyft-grading"


class Grading:
    """Runs every check on every candidate and reports each outcome as it happens."""

    def __init__(self, candidates=(), settings=None, opener=None, report=None, done=()):
        self.candidates, self.done = list(candidates), set(map(tuple, done))
        self.settings, self.opener = settings or {}, opener
        self.report = report or (lambda **event: None)
        self.first = self.settings.get("first", False)
        self.failed, self.current, self.session = set(), (None, None), None
        self.verdicts, self.begun, self.protect = None, False, lambda: None

    def pytest_generate_tests(self, metafunc):
        if "candidate" in metafunc.fixturenames:
            chosen = self.candidates or [_beside(metafunc)]
            ids = [f"@{i}" for i in range(len(chosen))]
            metafunc.parametrize("candidate", chosen, indirect=True, ids=ids)
        mark = metafunc.definition.get_closest_marker("draws")
        if mark:
            metafunc.fixturenames.append("draw")
            numbers = range(len(mark.args))
            ids = [f"@draw{i}" for i in numbers]
            metafunc.parametrize("draw", list(zip(numbers, mark.args)), True, ids)

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
        self.verdicts = verdict.Verdicts([_key(item) for item in items])
        order = {one.name: i for i, one in enumerate(self.candidates)}
        items[:] = [item for item in items if _key(item) not in self.done]
        items.sort(key=lambda item: order.get(_key(item)[0], 0))

    def pytest_collection_finish(self):
        self.protect()

    def student(self, candidate):
        """The candidate's Student, loaded once; its failure is told for every check."""
        name, module = self.current
        if name != candidate.name or getattr(module, "_gone", None):
            self._close()
            self.report(event="loading", candidate=candidate.name)
            self.current = candidate.name, self._load(candidate)
            self.report(event="loaded", candidate=candidate.name)
        module = self.current[1]
        if isinstance(module, AnswerError):
            raise module
        if not self.begun:  # the clock of a check covers all its calls, not the import
            self.begun = module._begin() is None
        return module

    def _load(self, candidate):
        try:
            text = candidate.text()
            if self.opener is None:
                self.opener = _opener(candidate)
            self.session = self.opener.open()
            settings = self.settings or _settings(candidate)
            job = {"source": text, "file": candidate.path.name}
            job |= {key: settings[key] for key in JOB}
            job |= {"seconds": settings["whole"]}
            return student.load(candidate, self.session, job, settings)
        except AnswerError as error:
            if self.opener and self.opener.lost:
                told = {"candidate": candidate.name, "message": str(error)}
                self.report(event="unloadable", **told)
            return error

    def _close(self):
        """End the process of the answer before."""
        if self.session:
            self.session.close()
        self.session, self.current = None, (None, None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        candidate, check = key = _key(item)
        if candidate in self.failed or self.verdicts.final(key):
            return (yield)  # Leave answers
        if self.candidates:  # a judge: nobody reads pytest's own report
            item.repr_failure = lambda *_, **__: "failed"
        if self.verdicts.begins(key):
            context.begin()
            self.begun = False
            self.report(event="start", candidate=candidate, check=check)
        began = time.perf_counter()
        item.outcome = {"status": "failed", "message": "The check did not run."}
        result = yield
        if self.verdicts.add(key, item.outcome, time.perf_counter() - began):
            self._tell(key)
        if self.opener and self.opener.lost:
            self.report(event="leave")
            self._leave()
        return result

    def _tell(self, key):
        outcome = self.verdicts.of(key)
        self.report(event="check", candidate=key[0], check=key[1], **outcome)
        if self.first and outcome["status"] != "passed":
            self.failed.add(key[0])

    def _leave(self):
        """The box is of no more use: another process goes on, or another box."""
        if self.candidates:
            os._exit(0)
        self._close()
        self.opener = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        try:
            result = yield
        except Failed as error:
            raise also_changed(error, self._changed(item)) from None
        except (AssertionError, GraderFault, AnswerError):
            raise
        except BaseException as error:
            file = item.callspec.params["candidate"].path.name
            raise AnswerError(explain.surprise(error, file)) from error
        if self._changed(item):
            raise changed_in_place(self._changed(item))
        return result

    def _changed(self, item):
        """The inputs that an answer changed in place and may not."""
        settings = self.settings or _settings(item.callspec.params["candidate"])
        return [name for name in context.changed if name not in settings["may_change"]]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "call" or call.excinfo:
            item.outcome = _outcome(item, call)
            if self.session:
                printed = explain.clean(self.session.printed(), keep="\n\t")
                item.outcome["output"] = printed
        return report

    def pytest_unconfigure(self):
        self._close()


JOB = "driver forbidden megabytes fenced".split()  # what the worker is told


class Leave:
    """Passes over the checks of a candidate that has failed, when told to."""

    def __init__(self, grading):
        self.grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        key = _key(item)
        skipped = key[0] in self.grading.failed or self.grading.verdicts.final(key)
        return True if skipped else None


def _settings(candidate):
    """How the file beside a test is graded."""
    tasks = chapter_tasks(candidate.path.parent)
    return next(one for one in tasks if one.name == candidate.path.stem).rules()


def _opener(candidate):
    """A box of its own for the file beside a test, closed when Python ends."""
    from tinyft.grading.sandbox import alone

    return alone.opener(_settings(candidate))


def _beside(metafunc):
    test = Path(metafunc.module.__file__)
    path = test.with_name(test.name.removeprefix("test_"))
    data = path.read_bytes() if path.exists() else b""
    label = f"{path.parent.name}/{path.stem}"
    return Candidate(path.name, path, data, metafunc.config.option.student, label)


def check_id(item):
    """The check's name without the parts that name the candidate and the draw."""
    name = re.sub(r"@(draw)?\d+", "", item.name)
    return (
        re.sub(r"\[-*\]", "", re.sub(r"--+", "-", name))
        .replace("[-", "[")
        .replace("-]", "]")
    )


def _key(item):
    return item.callspec.params["candidate"].name, check_id(item)


def _describe(item):
    mark = item.get_closest_marker("points")
    doc = (item.function.__doc__ or "").strip().splitlines()
    title = doc[0] if doc else check_id(item).removeprefix("test_").replace("_", " ")
    points = mark.args[0] if mark and mark.args else 1
    return {"name": check_id(item), "title": title.rstrip("."), "points": points}


def _outcome(item, call):
    """What a call came to, as plain data; texts are neutralised."""
    if call.excinfo is None:
        return {"status": "passed", "message": ""}
    error = call.excinfo.value
    if isinstance(error, GraderFault):
        return {"status": "fault", "message": str(error)}
    told = {"status": "failed", "message": explain.clean(str(error))}
    if isinstance(error, Failed):
        texts = {
            "message": error.message,
            "numbers": error.numbers,
            "plain": error.plain,
        }
        told |= {key: explain.clean(text) for key, text in texts.items()}
        told |= {"named": error.named, "margin": error.margin}
    elif isinstance(error, AssertionError):  # without pytest's own analysis
        told["message"] = explain.clean(str(error).split("\nassert ")[0])
    return told


@pytest.fixture
def candidate(request):
    """The file that is graded."""
    return request.param


@pytest.fixture(name="student")
def _student(candidate, request):
    """The learner's module: call its functions as `student.name(...)`."""
    return request.config.pluginmanager.get_plugin(NAME).student(candidate)


@pytest.fixture
def draw(request):
    """One argument of `@pytest.mark.draws`: sizes, say."""
    return request.param[1]


@pytest.fixture
def seed(candidate, request):
    """An integer from the student's ID and the task; another one for each draw."""
    number = request.node.callspec.params.get("draw", (0,))[0]
    return candidate.seed + number


@pytest.fixture
def rng(seed):
    """numpy.random.default_rng(seed)."""
    return np.random.default_rng(seed)


def pytest_addoption(parser):
    """--student ID: whose data the checks draw."""
    group = parser.getgroup("tinyft grading")
    group.addoption("--student", default="", help="ID from which the data are drawn")


def pytest_configure(config):
    """Declare the markers; grade the file beside the test when nobody said otherwise."""
    config.addinivalue_line("markers", "points(k): the check is worth k points")
    config.addinivalue_line("markers", "draws(a, b, ...): run once for each, as `draw`")
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Grading(), NAME)
