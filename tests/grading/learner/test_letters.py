"""A chapter's number may end in a letter: its tasks are found like any other's."""

import pytest

from tinyft.course import runs
from tinyft.grading import exercise


@pytest.mark.parametrize("wanted", ["24b", "24b_policy_gradients", "policy_gradients"])
def test_by_number_and_by_name(wanted):
    found = exercise.choose([wanted], exercise.find_tasks())
    assert {task.chapter for task in found} == {"24b_policy_gradients"}


@pytest.mark.parametrize("wanted", ["0", "00"])
def test_chapter_zero_keeps_its_spellings(wanted):
    found = exercise.choose([wanted], exercise.find_tasks())
    assert {task.chapter for task in found} == {"00_autograd"}


def test_a_study_says_its_own_command(tmp_path):
    runs.record("15b_two", [{"seed": 0}], lambda seed: {"x": 1}, tmp_path, print)
    assert '"OPENBLAS_NUM_THREADS=1 tinyft study 15b"' in (
        tmp_path / "15b_two.json"
    ).read_text("utf-8")
