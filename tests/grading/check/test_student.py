"""What an answer is told: wrong kinds, other clothes, in place, warnings, memory."""

import pytest

from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box

TEST = '''import warnings
import numpy as np
import pytest
from tinyft.grading import compare, fail, take


@pytest.mark.draws(2, 5)
def test_pair(student, rng, draw):
    """Both values."""
    x, s = rng.normal(size=draw), float(draw)
    compare(
        student.pair(x, s),
        want=(s * x, x.sum()),
        mistakes={
            "the scale is missing": (x, x.sum()),
            "scaled by 2": (2 * x, x.sum()),
            "a mean": (s * x, x.mean()),
        },
        tol=1e-9,
        equation="(1)",
    )


def test_alone(student):
    x = np.arange(3.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y, _ = student.pair(x, 1.0)
    if caught:
        fail("a warning", str(caught[0].message))
    if "x" in student.shares:
        fail("y shares its memory with x")
    take(y, y=(3,))


def test_zero(student):
    try:
        student.pair(np.ones(2), 0.0)
    except ZeroDivisionError:
        fail("it divides by the scale")
'''
RIGHT = "return s * x, x.sum()"
HINTS = '[pair]\ntitle = "A pair"\nreturns = { pair = ["y", "total"] }\nseconds = 5\n'


@pytest.fixture(scope="module")
def boxes():
    with box.Boxes() as one:
        yield one


@pytest.fixture
def grade(tmp_path, boxes):
    """{check: Check} of an answer with these lines."""
    from tinyft.grading import exercise

    folder = tmp_path / "exercises" / "01_pair"
    folder.mkdir(parents=True)
    (folder / "test_pair.py").write_text(TEST, encoding="utf-8")

    def run(*lines, hints=HINTS, head="import numpy as np\n"):
        (folder / "hints.toml").write_text(hints, encoding="utf-8")
        (task,) = exercise.find_tasks(tmp_path)
        text = head + "def pair(x, s):\n" + "".join(f"    {line}\n" for line in lines)
        task.answer.write_text(text, encoding="utf-8")
        result = runner.grade(task, boxes=boxes)
        assert result.problem == "" and len(result.checks) == 3
        return {check.name: check for check in result.checks}

    return run


SAME = [
    (RIGHT,),
    ("return [s * x, x.sum()]",),
    ("return (s * x, np.asarray(x.sum()))",),
    ("return s * x, float(x.sum())",),
    ("print('so far', x)", RIGHT),
    ("import math, itertools, dataclasses, functools", RIGHT),
]


@pytest.mark.parametrize("lines", SAME, ids=lambda lines: lines[0])
def test_right_answers_in_other_clothes_are_right(grade, lines):
    found = grade(*lines)
    assert all(check.ok for check in found.values()), found


WRONG = [
    (
        "return s * x",
        "2 values are asked, but it returned one array of shape (2,): ret",
    ),
    ("return np.stack([x, x])", "one array of shape (2, 2): return y, total, its rows"),
    ("return {'y': s * x}", "2 values are asked, but it returned a dict"),
    ("return s * x, 1, 2", "2 values are asked, but it returned a tuple of 3 values"),
    ("return list(s * x), x.sum()", "An array is asked, but it returned a list of 2 v"),
    ("return s * x, None", "Value 2 of 2 is wrong. It returned None"),
    ("return np.float32(s) * x.astype('f'), x.sum()", "only to float32's precision"),
    ("return map(float, x), 1.0", "a tuple with a map in it, where arrays and numbers"),
    ("import torch", "No module named 'torch'. Only Python's own modules and NumPy"),
    ("return s * np.matrix(x), 1.0", "a matrix (a kind of ndarray) in it"),
]


@pytest.mark.parametrize("line, said", WRONG, ids=[line for line, _ in WRONG])
def test_a_wrong_kind_is_told_as_such(grade, line, said):
    check = grade(line)["test_pair"]
    assert not check.ok and said in check.message and check.named == []


def test_a_mistake_that_fits_one_draw_only_is_not_named(grade):
    """With 2 values "scaled by 2" is right; with 5 it is found, and only it is named."""
    check = grade("return 2 * x, x.sum()")["test_pair"]
    assert check.named == ["scaled by 2"]
    check = grade("return x, x.sum()")["test_pair"]
    assert check.named == ["the scale is missing"]
    check = grade("return s * x * (1 if s == 2 else 3), x.sum()")["test_pair"]
    assert check.named == [] and "3 times the right answer" in check.message
    first = grade("return (x, x.sum()) if s == 2 else (s * x, x.mean())")["test_pair"]
    assert first.named == [] and "the scale is missing" not in first.message


def test_an_input_changed_in_place_costs_the_task(grade):
    found = grade("x -= 1", "x *= s", "return x + s, (x + s).sum()")
    named = [check.named[-1] for check in found.values()]
    assert named == ["x was changed in place"] * 3
    assert not any(check.ok for check in found.values())
    allowed = HINTS + 'may_change = ["x"]\n'
    found = grade("x += 0 * x + 1", "x -= 1", RIGHT, hints=allowed)
    assert found["test_pair"].ok
    found = grade("x += 1", "return s * (x - 1), (x - 1).sum()")
    assert found["test_pair"].named == ["x was changed in place"]


def test_spoiled_inputs_are_no_way_to_marks(grade):
    check = grade("x[...] = 0", "return s * x, x.sum()")["test_pair"]
    assert "Every entry is 0" in check.message
    assert check.message.endswith("Besides, x was changed in place.")


def test_warnings_and_shared_memory_travel(grade):
    found = grade("np.log(np.zeros(1))", RIGHT)
    assert found["test_alone"].named == ["a warning"]
    assert "ivide by zero" in found["test_alone"].message
    found = grade("return x, x.sum()")
    assert found["test_alone"].named == ["y shares its memory with x"]


def test_an_error_of_the_answers_may_be_expected(grade):
    found = grade("1 / s", RIGHT)
    assert found["test_zero"].named == ["it divides by the scale"]
    found = grade("raise IndexError('x')")
    assert "line 3 raises IndexError: x" in found["test_zero"].message
    assert not any(check.ok for check in found.values())


def test_the_verdict_stands_once_with_the_numbers_below(grade):
    check = grade("return x, x.sum()")["test_pair"]
    assert check.message.startswith("Your answer is the right one with this mistake:")
    assert check.numbers.startswith("Called pair(x: 2, s=2). Returned (")


@pytest.mark.parametrize("hidden", ["tinyft", "tinyft.grading", "pytest", "tests"])
def test_nothing_of_the_grader_can_be_imported(grade, hidden):
    found = grade(f"import {hidden}", RIGHT)
    assert not any(check.ok for check in found.values())
