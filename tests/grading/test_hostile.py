"""Hostile and clumsy answers: each costs its own task, and says what to change.

All of them run as `tinyft grade` runs an answer, but one after the other in the worker
that the runner keeps alive (and starts again when one kills it), with a right answer
after each: what one does to Python, NumPy or the grader must not reach the next.
"""

import json
import time

import pytest
from hostile import CASES, OUTSIDE_ONLY, RIGHT, TRUE, body

from tinyft.grading import runner
from tinyft.grading.sandbox import worker
from tinyft.grading.candidate import encode


@pytest.fixture(scope="module")
def outcomes(blueprint, tmp_path_factory):
    """{case: its check}, {case: the check of the right answer graded after it}."""
    root = tmp_path_factory.mktemp("hostile")
    task = blueprint.make(root, test=blueprint.first_check)
    candidates = []
    for case, (text, _) in CASES.items():
        for name, source in ((case, text), (f"after {case}", RIGHT)):
            candidates.append(runner.candidate_of(task, name, source.encode()))
    before = _files(root)
    found = runner.run(task, candidates)
    assert _files(root) == before
    return {name: check for name, (check,) in found.items()}


@pytest.mark.parametrize("case", CASES)
def test_it_fails_with_a_sentence_that_says_what_to_change(outcomes, case):
    check, sentence = outcomes[case], CASES[case][1]
    assert check.status == "failed" and sentence in check.message, check.message
    assert "\n" not in check.message


@pytest.mark.parametrize("case", CASES)
def test_it_costs_nobody_else_anything(outcomes, case):
    assert outcomes[f"after {case}"].ok, outcomes[f"after {case}"].message


def test_the_sentence_is_the_same_where_there_are_no_processes(
    outcomes, blueprint, tmp_path, capsys
):
    task = blueprint.make(tmp_path, test=blueprint.first_check)
    cases = [case for case in CASES if case not in OUTSIDE_ONLY]
    candidates = [
        runner.candidate_of(task, case, CASES[case][0].encode()) for case in cases
    ]
    job = {
        "test": str(task.test),
        "scratch": str(tmp_path),
        "nonce": "n",
        "strict": False,
        "done": [],
        "limits": None,
        "candidates": [encode(one) for one in candidates],
    }
    lines = []
    worker.grade(job, lines.append)
    capsys.readouterr()
    events = [json.loads(line) for line in lines]
    told = {e["candidate"]: e["message"] for e in events if e["event"] == "check"}
    assert told == {case: outcomes[case].message for case in cases}


@pytest.fixture
def one_check(chapter, blueprint):
    """The chapter's task with its first check only."""
    return chapter.make(test=blueprint.first_check)


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_points_of_a_right_and_of_a_wrong_answer(one_check):
    for text, score in ((RIGHT, 2), (TRUE, 0)):
        one_check.answer.write_text(text, encoding="utf-8")
        result = runner.grade(one_check)
        assert (result.score, result.out_of, result.note) == (score, 2, "")
        assert result.ok == (score == 2)


@pytest.mark.parametrize(
    "data, note",
    [
        (b"\xef\xbb\xbf" + RIGHT.encode(), "a byte-order mark"),
        (RIGHT.replace("\n", "\r\n").encode(), "Windows line ends"),
    ],
)
def test_a_right_answer_from_another_editor_counts(one_check, data, note):
    one_check.answer.write_bytes(data)
    result = runner.grade(one_check)
    assert result.ok and f"has {note}: graded all the same" in result.note


@pytest.mark.parametrize(
    "data, sentence",
    [
        (RIGHT.encode("utf-16"), "is saved as UTF-16: save it as UTF-8"),
        (
            b"# ok\n# caf\xe9\n" + RIGHT.encode(),
            "line 2 holds a byte that is not UTF-8",
        ),
    ],
)
def test_another_encoding_is_told(one_check, data, sentence):
    one_check.answer.write_bytes(data)
    assert sentence in runner.grade(one_check).checks[0].message


def test_an_endless_loop_costs_its_own_check_alone(chapter):
    text = body("while n == 7: pass", "return x / (1 + 2 * n * lam)")
    chapter.task.answer.write_text(text, encoding="utf-8")
    began = time.monotonic()
    first, second = runner.grade(chapter.task).checks
    assert not first.ok and "is there an endless loop?" in first.message
    assert second.ok and time.monotonic() - began < 20


def test_an_exit_costs_its_own_check_alone(chapter):
    text = body("import os", "if n == 7: os._exit(0)", "return x / (1 + 2 * n * lam)")
    chapter.task.answer.write_text(text, encoding="utf-8")
    assert [check.ok for check in runner.grade(chapter.task).checks] == [False, True]


def test_what_it_prints_is_kept_and_harmless(one_check):
    one_check.answer.write_text(body("print('λ' * 5000)", "return x"), encoding="utf-8")
    (check,) = runner.grade(one_check).checks
    assert set(check.output.strip()) == {"λ"} and len(check.output) <= 2000


def test_another_students_file_is_graded_with_the_pristine_test(one_check, tmp_path):
    theirs = tmp_path / "submission"
    theirs.mkdir()
    (theirs / "test_scale.py").write_text("def test_value(student): pass\n")
    (theirs / "conftest.py").write_text("raise SystemExit(0)\n")
    (theirs / "scale.py").write_text(TRUE)
    result = runner.grade(one_check, theirs / "scale.py", student="ada")
    assert not result.ok and "Every entry is 0" in result.checks[0].message


def test_a_missing_file_is_told(one_check):
    one_check.answer.unlink()
    result = runner.grade(one_check)
    assert (result.score, result.out_of) == (0, 2)
    said = "scale.py is not there: tinyft reset 09_scale/scale makes it"
    assert result.checks[0].message == said


def test_each_student_has_data_of_their_own(one_check):
    one_check.answer.write_text(body("return x"), encoding="utf-8")
    told = {
        student: runner.grade(one_check, student=student).checks[0].message
        for student in ("ada", "emmy")
    }
    again = runner.grade(one_check, student="ada").checks[0].message
    assert told["ada"] == again != told["emmy"]
