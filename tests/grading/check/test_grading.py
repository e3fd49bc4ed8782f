"""What one check comes to never costs another one: draws, tasks, the grader's faults."""

import shutil

import pytest

from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box

HEAD = """import numpy as np
import pytest

from tinyft.grading import Failed, GraderFault, compare, fail


def told(name, *args):
    ANSWER


@pytest.mark.draws(3, 4, 5)
def test_value(student, rng, draw):
    x = rng.normal(size=draw)
    got = CALL
    BODY


def test_shape(student):
    if np.shape(student.scale(np.ones(3), 2, 0.5)) != (3,):
        fail("another shape")
"""
SCALE = "student.scale(x.copy(), 7, 0.3)"
DRIVEN = 'student.drive("go", x, ask=told)'
DRIVER = """def go(student, ask, x):
    return ask("x", x)
"""


def made(chapter, body, answer="return 1.0", call=SCALE):
    test = HEAD.replace("BODY", body).replace("ANSWER", answer).replace("CALL", call)
    task = chapter.make(test=test)
    task.driver.write_text(DRIVER, encoding="utf-8")
    return task


def outcomes(chapter, task, strict=True, boxes=None):
    """{candidate: [(status, message) of each check]} of two right answers."""
    right = chapter.texts.solution.encode()
    two = [runner.candidate_of(task, name, right) for name in ("one", "two")]
    found = runner.run(task, two, strict=strict, boxes=boxes)
    return {name: [(c.status, c.message) for c in some] for name, some in found.items()}


@pytest.mark.parametrize("first_fails", [True, False])
def test_a_task_that_fails_at_its_first_draw_costs_the_next_task_nothing(
    chapter, first_fails
):
    made(chapter, "compare(got, x / (1 + 2 * 7 * 0.3))")
    folder = chapter.task.folder
    test = folder / "test_scale.py"  # so that what is passed over comes last
    test.write_text(test.read_text("utf-8").partition("\n\n\ndef test_shape")[0])
    names = [folder / "scale.py", folder / "test_scale.py", folder / "driver_scale.py"]
    for path in [*names, folder / "solutions" / "scale.py"]:
        shutil.copy(path, path.with_name(path.name.replace("scale", "weigh")))
    path = folder / "hints.toml"
    more = chapter.texts.hints.replace("[scale]", "[weigh]")
    path.write_text(chapter.texts.hints + more, encoding="utf-8")
    both = exercise.find_tasks(chapter.root)
    stub, right = both if first_fails else both[::-1]
    given = {right.label: right.solution, stub.label: stub.answer}
    found = {one.task: one for one in runner.grade_all(both, given)}
    assert found[right.label].ok, found[right.label].checks
    said = [check.message for check in found[stub.label].checks]
    assert all("not implemented yet" in text for text in said), said


IN_A_CALL = {
    "fail('slipped')": ("failed", "slipped."),
    "raise GraderFault('made badly')": ("fault", "made badly"),
    "np.linalg.inv(np.zeros((2, 2)))": ("failed", "LinAlgError: Singular matrix."),
}


@pytest.mark.parametrize("answer", IN_A_CALL)
def test_a_question_that_cannot_be_answered_costs_its_check_alone(chapter, answer):
    """And the box stays: an answer loaded again has what is left of the check's time."""
    task = made(chapter, "compare(got, 1.0)", answer, DRIVEN)
    with box.Boxes("none") as boxes:
        before = boxes.get(task)
        found = outcomes(chapter, task, boxes=boxes)
        assert boxes.get(task) is before
    status, said = IN_A_CALL[answer]
    for (first, message), second in found.values():
        assert first == status and message.endswith(said), message
        assert second == ("passed", "")


SINGULAR = "compare(got, WANT, {'m': lambda: np.linalg.inv(np.zeros((2, 2)))})"


def test_a_mistake_that_cannot_be_computed_is_the_graders_fault(chapter):
    task = made(chapter, SINGULAR.replace("WANT", "x / (1 + 2 * 7 * 0.3)"))
    for first, second in outcomes(chapter, task).values():
        assert first[0] == "fault" and second[0] == "passed"
        assert "the mistake 'm' cannot be computed on this check's data" in first[1]


def test_a_learner_is_told_the_numbers_where_a_mistake_cannot_be_computed(chapter):
    task = made(chapter, SINGULAR.replace("WANT", "2 * got"))
    for first, second in outcomes(chapter, task, strict=False).values():
        assert first == ("failed", "Yours is half the right answer.")
        assert second[0] == "passed"


def test_where_the_grader_breaks_it_says_so(chapter):
    """What no report can hold: pytest stops, and the answer is not to blame."""
    task = made(chapter, "raise Failed('x', margin=object())")
    for first, second in outcomes(chapter, task).values():
        assert first[0] == "fault" and "The grader itself broke: TypeError" in first[1]
        assert second[0] == "passed"


def test_a_check_has_one_clock_for_all_its_draws(chapter):
    """Three draws of 1.2 s are late where 2.5 s are allowed."""
    slow = chapter.texts.solution.replace("import numpy", "import time, numpy")
    slow = slow.replace("    c = 2", "    time.sleep(1.2)\n    c = 2")
    task = made(chapter, "compare(got, x / (1 + 2 * 7 * 0.3))")
    one = runner.candidate_of(task, "one", slow.encode())
    value, shape = runner.run(task, [one])["one"]
    assert "did not end within 2.5 s" in value.message and shape.ok
