"""Every exercise of the course: hints, and the time a chapter takes to grade.

The proofs of the graders are in test_proofs_*.py."""

import ast
from itertools import groupby
from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.classroom import report

TASKS = exercise.find_tasks(Path(__file__).parents[3])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_there_are_hints_in_steps(task):
    assert len(task.hints) >= 2 and task.title != task.name


def expressions(source):
    """What a solution's assignments and returns compute, without spaces."""
    kinds = (ast.Assign, ast.AugAssign, ast.Return)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return {"".join(ast.unparse(n.value).split()) for n in nodes if n.value}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)
def test_no_hint_is_a_line_of_the_solution(task):
    hints = "".join("".join(task.hints).split())
    long = [x for x in expressions(exercise.read_source(task.solution)) if len(x) >= 15]
    assert not [text for text in long if text in hints]


CHAPTERS = [list(found) for _, found in groupby(TASKS, lambda task: task.chapter)]


@pytest.mark.parametrize("tasks", CHAPTERS, ids=lambda tasks: tasks[0].chapter)
def test_a_chapter_is_graded_in_ten_seconds(tasks):
    files = {task.label: task.solution for task in tasks}
    found = report.grade_tasks(tasks, files=files)
    assert found.ok and found.seconds < 10, report.as_plain(found)
