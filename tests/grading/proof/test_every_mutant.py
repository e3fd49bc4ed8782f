"""Every exercise of the course under blind mutants, beside test_proofs_*.py.

Minutes for the whole course, so only `pytest -m mutants` and CI run it.
"""

from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.proof.mutation import attack

pytestmark = pytest.mark.mutants
TASKS = exercise.find_tasks(Path(__file__).parents[3])


@pytest.fixture(scope="module")
def attacks():
    """{task: its Attack}, filled by the tests below."""
    return {}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_every_surviving_mutant_is_justified(task, attacks):
    attacks[task] = attack(task)
    assert attacks[task].ok, "\n".join(attacks[task].faults)
    assert attacks[task].mutants >= 1


def test_few_mutants_survive(attacks):
    made = sum(one.mutants for one in attacks.values())
    assert sum(one.survivors for one in attacks.values()) <= 0.05 * made
