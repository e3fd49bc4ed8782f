"""Every exercise's solution against its grader, with tinyft's arrays on the stand-in.

`tinyft grade` itself grades on the CPU wherever it runs: its processes get no TINYFT_
variable. Here all tasks run in one process whose default device is the stand-in, so that
solutions and graders are known to work where a learner's own cells do.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.sandbox import process

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TASKS = exercise.find_tasks(ROOT)
RUN = """
import json, sys
import stand_in
from tinyft import backend
from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box

backend.device_library(stand_in.library)
box.PROCESSES = box.WARM = False
for task in exercise.find_tasks(sys.argv[1]):
    before = stand_in.counts["launch"]
    result = runner.grade(task, task.solution, "a student")
    failed = [f"{c.name}: {c.message}" for c in result.checks if not c.ok]
    failed += [result.problem] if result.problem else []
    used = stand_in.counts["launch"] - before
    print(json.dumps([task.label, len(result.checks), failed, used]))
"""


@pytest.fixture(scope="module")
def found():
    """{task: (number of checks, what failed, functions called on the device)}."""
    paths = [str(HERE), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"TINYFT_DEVICE": "cuda", "PYTHONUTF8": "1"}
    env["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    command = [sys.executable, "-c", RUN, str(ROOT)]
    ended = subprocess.run(command, env=env, capture_output=True, encoding="utf-8")
    assert ended.returncode == 0, ended.stderr[-2000:]
    lines = map(json.loads, ended.stdout.splitlines())
    return {label: rest for label, *rest in lines}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_a_solution_passes_its_grader_on_the_device(task, found):
    checks, failed, launches = found[task.label]
    assert checks > 0 and not failed, failed
    if "tinyft import" in task.solution.read_text("utf-8"):
        assert launches > 100


def test_the_graders_own_processes_stay_on_the_cpu(monkeypatch):
    monkeypatch.setenv("TINYFT_DEVICE", "cuda")
    assert "TINYFT_DEVICE" not in process.environment()
