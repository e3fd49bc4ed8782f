"""Any executor of concurrent.futures; a worker that is killed loses nothing."""

import concurrent.futures
import os
import signal
from pathlib import Path

import pytest

from tinyft.grading.classroom import executors, submissions
from tinyft.grading.exercise import GradingError


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the one that is graded, here and in workers."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def hand_in(folder, count, text):
    for i in range(count):
        place = folder / f"student{i:02d}"
        place.mkdir(parents=True)
        (place / "scale.py").write_text(text, encoding="utf-8")
    return folder


def scores(found):
    return {one.student: (one.score, one.problem) for one in found}


SPECS = ["threads", "processes", "concurrent.futures:ThreadPoolExecutor"]


@pytest.mark.parametrize("spec", SPECS)
def test_the_executor_makes_no_difference(home, tmp_path, spec):
    folder = hand_in(tmp_path / "in", 3, home.texts.solution)
    how = {"executor": spec, "secret": b"k" * 32}
    found = submissions.grade_all(folder, tmp_path / "out", [home.task], **how)
    assert scores(found) == {f"student{i:02d}": (3, "") for i in range(3)}


@pytest.mark.parametrize(
    "spec, said",
    [
        ("abacus", "there is no executor 'abacus'"),
        ("no_module:X", "there is no executor no_module:X"),
        ("concurrent.futures:X", "there is no executor concurrent.futures:X"),
    ],
)
def test_what_is_no_executor_is_told(spec, said):
    with pytest.raises(GradingError, match=said), executors.executor(spec, 1):
        pass


def once(path):
    """Kill this worker at the first call, be there at the second."""
    if not os.path.exists(path):
        Path(path).write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def always(path):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_job_whose_worker_was_killed_is_sent_again(tmp_path):
    work = {i: str(tmp_path / str(i)) for i in range(3)}
    found = dict(executors.each("processes", 1, once, work))
    assert found == work


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_job_that_kills_every_worker_is_given_up():
    ((key, error),) = executors.each("processes", 1, always, {"a": "x"})
    assert key == "a" and isinstance(error, concurrent.futures.BrokenExecutor)


def fails(job):
    raise ValueError(job)


def test_a_jobs_own_error_is_not_tried_again():
    ((key, error),) = executors.each("threads", 1, fails, {"a": "x"})
    assert key == "a" and str(error) == "x"


def test_a_dask_cluster_with_a_worker_killed(home, tmp_path):
    distributed = pytest.importorskip("distributed")
    slow = "import time\ntime.sleep(0.2)\n" + home.texts.solution
    folder = hand_in(tmp_path / "in", 10, slow)
    how = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with distributed.LocalCluster(dashboard_address=None, **how) as cluster:
        killed = []

        def heard(student, report, fresh):
            if not killed:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        spec = f"dask:{cluster.scheduler_address}"
        found = submissions.grade_all(
            folder, tmp_path / "out", [home.task], heard, executor=spec
        )
    assert scores(found) == {f"student{i:02d}": (3, "") for i in range(10)} and killed
