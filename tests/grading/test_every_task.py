"""The self-test over every exercise of the course: solutions, stubs, wrong answers."""

from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.selftest import prove

TASKS = exercise.find_tasks(Path(__file__).parents[2])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_the_grader_is_proved(task):
    proof = prove(task)
    assert proof.ok, "\n".join(proof.faults)
    assert proof.named == proof.caught == proof.wrong >= 5 and proof.seeds == 20


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_there_are_hints_in_steps(task):
    assert len(task.hints) >= 2 and task.title != task.name
