"""Solutions, stubs and wrong answers of every exercise from chapter 12 on.

Two files, because README's test command gives each file to one of its two processes.
"""

from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.proof.selftest import prove

SEEDS = 2  # `tinyft grade --selftest`, which CI runs too: 20, and constants planted
TASKS = [
    task
    for task in exercise.find_tasks(Path(__file__).parents[3])
    if task.chapter >= "12"
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_the_grader_is_proved(task):
    proof = prove(task, SEEDS, constants=False)
    assert proof.ok, "\n".join(proof.faults)
    assert proof.named == proof.caught == proof.wrong >= 5 and proof.seeds == SEEDS
