"""The processes under the runner: boxes, judges, fresh ones, their end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyft.grading.judging import jobs, runner
from tinyft.grading.sandbox import alone, box, fence, process

forks = pytest.mark.skipif(not process.FORKS, reason="servers are for Linux")


def grade(chapter, **how):
    chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
    return [check.ok for check in runner.grade(chapter.task, **how).checks]


@pytest.fixture
def cold(monkeypatch):
    """As on a system where no worker is kept warm."""
    monkeypatch.setattr(process, "FORKS", False)
    monkeypatch.setattr(box, "WARM", False)
    return box.Boxes("none")


def test_a_fresh_python_for_every_job(chapter, cold):
    assert grade(chapter, boxes=cold) == [True, True]
    cases = {
        "import os\nos._exit(7)\n": "ended Python with status 7",
        "while True: pass\n": "while it was imported did not end within 2.5 s",
        "x = 1\n": "put `def scale(...)` back",
    }
    for text, said in cases.items():
        chapter.task.answer.write_text(text)
        checks = runner.grade(chapter.task, boxes=cold).checks
        assert [said in check.message for check in checks] == [True, True], checks


def test_what_a_fresh_process_prints_is_kept(chapter, cold):
    text = "def scale(x, n, lam):\n    print('λ' * 3)\n    return x\n"
    chapter.task.answer.write_text(text, encoding="utf-8")
    first, _ = runner.grade(chapter.task, boxes=cold).checks
    assert first.output.split() == ["λλλ", "λλλ"]  # once for each draw


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
def test_a_server_that_dies_while_it_works_is_told(chapter, monkeypatch):
    def start(self, *job):
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.wait()
        return known(self, *job)

    known = process.Forked.start
    with monkeypatch.context() as patch:
        patch.setattr(process.Forked, "start", start)
        assert "ended the judge" in runner.grade(chapter.task).problem
    assert grade(chapter) == [True, True]


@forks
def test_closing_ends_the_servers(chapter):
    assert grade(chapter) == [True, True]
    pids = [one.server.pid for one in process._idle]
    process.close()
    assert process._idle == [] and pids
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


TOO_MUCH = "    _ = [bytes(1 << 28) for _ in range(64)]\n"
ENDLESS = "    while True: pass\n"


@forks
@pytest.mark.parametrize(
    "line, said", [(TOO_MUCH, "MemoryError"), (ENDLESS, "What the answer returned did")]
)
def test_a_judge_that_is_overdone_costs_that_check(chapter, monkeypatch, line, said):
    """What an answer returned may be dear to look at: the judge has limits of its own."""
    monkeypatch.setattr(jobs, "OWN", (0, 3))
    test = chapter.texts.test.replace("    compare(\n", line + "    compare(\n")
    task = chapter.make(test=test)
    task.answer.write_text(chapter.texts.solution)
    first, second = runner.grade(task).checks
    assert not first.ok and said in first.message and second.ok


@forks
def test_a_box_serves_every_task_and_leaves_nothing(chapter):
    with box.Boxes() as boxes:
        assert grade(chapter, boxes=boxes) == [True, True]
        ((_, one),) = boxes.open.items()
        assert grade(chapter, boxes=boxes) == [True, True] and one.alive
        assert list(boxes.open.values()) == [one]
        os.kill(one.process.pid, signal.SIGKILL)
        one.process.wait()
        assert grade(chapter, boxes=boxes) == [True, True]
        ((_, other),) = boxes.open.items()
        assert other is not one
    assert boxes.open == {} and not other.alive


KILLED = """import sys
from pathlib import Path
from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import fence
print(fence.cell(), flush=True)
(task,) = exercise.find_tasks(Path(sys.argv[1]))
runner.grade(task)
"""


@forks
def test_nothing_is_left_of_a_grader_that_was_killed(chapter):
    """Judge and worker die with it, an endless loop too."""
    chapter.task.answer.write_text("while True: pass\n")
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, chapter.root],
        env=runner.worker_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    cell = running.stdout.readline().strip()
    _until(lambda: _of(cell))
    time.sleep(0.3)
    running.kill()
    running.wait()
    running.stdout.close()
    _until(lambda: not _of(cell))
    os.system(f"rm -rf {cell}")


def _of(text):
    """Processes whose command line has this text."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


def _until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def test_the_environment_is_clean(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    monkeypatch.setenv("TINYFT_CHECKS", "x")
    found = process.environment()
    assert not {"PYTEST_ADDOPTS", "TINYFT_CHECKS"} & set(found)
    assert found["OPENBLAS_NUM_THREADS"] == "1"


def test_the_plugin_alone_grades_the_file_beside_the_test(chapter):
    plugin = ["-p", "tinyft.grading.check.plugin", "-p", "no:cacheprovider"]

    def run():
        command = [sys.executable, "-m", "pytest", "-q", *plugin, "--student=a"]
        return subprocess.run(
            [*command, "test_scale.py"],
            cwd=chapter.task.folder,
            env=runner.worker_environment(),
            capture_output=True,
            text=True,
        )

    first = run()
    assert first.returncode == 1 and "not implemented yet: scale" in first.stdout
    chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
    done = run()
    assert done.returncode == 0, done.stdout


def test_the_plugin_is_not_an_entry_point():
    import importlib.metadata

    points = importlib.metadata.entry_points(group="pytest11")
    assert not [point for point in points if point.value.startswith("tinyft")]


def test_sessions_by_the_system(monkeypatch):
    assert type(alone.cold((), ())).__name__ == "Fresh"
    monkeypatch.setattr(box, "PROCESSES", False)
    assert type(alone.cold((), ())).__name__ == "Here"
    assert set(fence.SAID) == {*fence.FENCES, "none", "browser"}
