"""The processes under the runner: fresh ones, warm servers, their end."""

import os
import signal

import pytest

from tinyft.grading import runner
from tinyft.grading.sandbox import process


def grade(chapter):
    chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
    return [check.ok for check in runner.grade(chapter.task).checks]


def test_a_fresh_python_for_every_job(chapter, monkeypatch):
    monkeypatch.setattr(process, "FORKS", False)
    assert grade(chapter) == [True, True]
    chapter.task.answer.write_text("import os\nos._exit(7)\n")
    first, _ = runner.grade(chapter.task).checks
    assert "ended Python with status 7" in first.message


forks = pytest.mark.skipif(not process.FORKS, reason="servers are for Linux")


@forks
def test_a_server_is_used_again(chapter):
    assert grade(chapter) == [True, True]
    (first, *_) = process._idle[::-1]
    assert grade(chapter) == [True, True] and process._idle[-1] is first


@forks
def test_a_dead_server_is_replaced(chapter):
    assert grade(chapter) == [True, True]
    for one in process._idle:
        os.kill(one.server.pid, signal.SIGKILL)
        one.server.wait()
    assert grade(chapter) == [True, True]


@forks
def test_a_server_that_dies_while_it_works_costs_that_check(chapter, monkeypatch):
    def start(self, job, errors):
        os.kill(self.server.pid, signal.SIGKILL)
        known(self, job, errors)

    known = process.Forked.start
    with monkeypatch.context() as patch:
        patch.setattr(process.Forked, "start", start)
        assert "cannot grade" in runner.grade(chapter.task).problem
    assert grade(chapter) == [True, True]


@forks
def test_closing_ends_the_servers(chapter):
    assert grade(chapter) == [True, True]
    pids = [one.server.pid for one in process._idle]
    process.close()
    assert process._idle == [] and pids
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_the_environment_is_clean(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    monkeypatch.setenv("TINYFT_CHECKS", "x")
    found = process.environment()
    assert not {"PYTEST_ADDOPTS", "TINYFT_CHECKS"} & set(found)
    assert found["OPENBLAS_NUM_THREADS"] == "1"
