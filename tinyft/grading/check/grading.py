"""Grading as pytest sees it: every check on every candidate, every outcome reported."""

import os
import time
from pathlib import Path

import pytest

from tinyft.grading.candidate import AnswerError, Candidate
from tinyft.grading.check import context, explain, student, verdict
from tinyft.grading.check.compare import (
    Failed,
    GraderFault,
    also_changed,
    changed_in_place,
)
from tinyft.grading.check.told import describe, key_of, outcome_of
from tinyft.grading.exercise import chapter_tasks


class Grading:
    """Runs every check on every candidate and reports each outcome as it happens."""

    def __init__(self, parts=(), opener=None, report=None, done=()):
        """parts: [(test file, how it is graded, candidates)]; none: the file beside."""
        self.parts = {str(test): candidates for test, _, candidates in parts}
        self.rules = {one.name: rules for _, rules, some in parts for one in some}
        self.done, self.opener = set(map(tuple, done)), opener
        self.report = report or (lambda **event: None)
        self.failed, self.current, self.session = set(), (None, None), None
        self.verdicts, self.until, self.protect = None, None, lambda: None

    def pytest_generate_tests(self, metafunc):
        if "candidate" in metafunc.fixturenames:
            test = metafunc.module.__file__
            chosen = self.parts[test] if self.parts else [_beside(metafunc)]
            ids = [f"@{i}" for i in range(len(chosen))]
            metafunc.parametrize("candidate", chosen, indirect=True, ids=ids)
        mark = metafunc.definition.get_closest_marker("draws")
        if mark:
            metafunc.fixturenames.append("draw")
            numbers = range(len(mark.args))
            ids = [f"@draw{i}" for i in numbers]
            draws = list(zip(numbers, mark.args))
            metafunc.parametrize("draw", draws, indirect=True, ids=ids)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        report = yield
        if report.failed:
            self._fault(collector.path, str(report.longrepr)[-2000:])
        return report

    def _fault(self, test, message):
        self.report(event="fault", test=str(test), message=message)

    def pytest_collection_modifyitems(self, items):
        for item in items:
            if not hasattr(item, "callspec") or "candidate" not in item.callspec.params:
                said = f"{item.name} does not use the fixture `student`"
                self._fault(item.path, said)
                raise pytest.UsageError(said)
        checks = {}
        for item in items:
            name, check = key_of(item)
            checks.setdefault(name, {})[check] = describe(item)
        told = {name: list(found.values()) for name, found in checks.items()}
        self.report(event="collected", checks=told)
        self.verdicts = verdict.Verdicts([key_of(item) for item in items])
        order = {name: i for i, name in enumerate(self.rules)}
        items[:] = [item for item in items if key_of(item) not in self.done]
        items.sort(key=lambda item: order.get(key_of(item)[0], 0))

    def pytest_collection_finish(self):
        self.protect()

    def student(self, candidate):
        """The candidate's Student, loaded once; its failure is told for every check."""
        name, module = self.current
        if name != candidate.name or getattr(module, "_gone", None):
            self._close()
            self.current = candidate.name, self._load(candidate)
        module = self.current[1]
        if isinstance(module, AnswerError):
            raise module
        module._until = self._until(candidate)
        return module

    def _until(self, candidate):
        """When the check's time is over: one clock for all its calls and draws.

        It starts after the import; an answer that is loaded again inherits it.
        """
        if self.until is None:
            self.until = time.monotonic() + self._rules_of(candidate)["seconds"]
        return self.until

    def _load(self, candidate):
        try:
            text = candidate.text()
            if self.opener is None:
                self.opener = _opener(candidate)
            self.session = self.opener.open()
            settings = self._rules_of(candidate)
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
    def pytest_runtest_protocol(self, item, nextitem):
        key = key_of(item)
        if key[0] in self.failed or self.verdicts.final(key):
            result, told = (yield), True  # Leave answers
        else:
            self._start(item, key)
            began = time.perf_counter()
            result = yield
            seconds = time.perf_counter() - began
            told = self.verdicts.add(key, item.outcome, seconds)
            if told:
                self._tell(key)
        if nextitem is None or key_of(nextitem)[0] != key[0]:
            self._close()  # now: if it does not end, the next one has another box
        if self.opener and self.opener.lost:
            if not told and self.verdicts.fails(key):  # the next draw would lose it too
                self._tell(key)
            self.report(event="leave")
            self._leave()
        return result

    def _start(self, item, key):
        if self.parts:  # a judge: nobody reads pytest's own report
            item.repr_failure = lambda *_, **__: "failed"
        if self.verdicts.begins(key):
            context.begin()
            self.until = None
            self.report(event="start", candidate=key[0], check=key[1])
        item.outcome = {"status": "failed", "message": "The check did not run."}

    def _tell(self, key):
        outcome = self.verdicts.of(key)
        outcome |= {"mistakes": context.tried()}
        self.report(event="check", candidate=key[0], check=key[1], **outcome)
        first = self.rules.get(key[0], {}).get("first")
        if first and outcome["status"] != "passed":
            self.failed.add(key[0])

    def _leave(self):
        """The box is of no more use: another process goes on, or another box."""
        if self.parts:
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
        allowed = self._rules_of(item.callspec.params["candidate"])["may_change"]
        return [name for name in context.changed if name not in allowed]

    def _rules_of(self, candidate):
        return self.rules.get(candidate.name) or _task(candidate).rules()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "call" or call.excinfo:
            item.outcome = outcome_of(item, call)
            if self.session:
                printed = explain.clean(self.session.printed(), keep="\n\t")
                item.outcome["output"] = printed
        return report

    def pytest_internalerror(self, excinfo):
        """The grader itself broke: the check that was running is not the answer's."""
        said = f"{type(excinfo.value).__name__}: {excinfo.value}"
        self.report(event="broke", message=explain.clean(said)[:300])

    def pytest_unconfigure(self):
        self._close()


JOB = "driver forbidden megabytes fenced".split()  # what the worker is told


class Leave:
    """Passes over the checks of a candidate that has failed, when told to."""

    def __init__(self, grading):
        self.grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        key = key_of(item)
        if key[0] not in self.grading.failed and not self.grading.verdicts.final(key):
            return None
        # else the next module finds this one's still set up, and its first check fails
        item.ihook.pytest_runtest_teardown(item=item, nextitem=nextitem)
        return True


def _task(candidate):
    """The task of the file beside a test."""
    tasks = chapter_tasks(candidate.path.parent)
    return next(one for one in tasks if one.name == candidate.path.stem)


def _opener(candidate):
    """A box of its own for the file beside a test, closed when Python ends."""
    from tinyft.grading.sandbox import alone

    return alone.opener(_task(candidate))


def _beside(metafunc):
    test = Path(metafunc.module.__file__)
    path = test.with_name(test.name.removeprefix("test_"))
    data = path.read_bytes() if path.exists() else b""
    label = f"{path.parent.name}/{path.stem}"
    return Candidate(path.name, path, data, metafunc.config.option.student, label)
