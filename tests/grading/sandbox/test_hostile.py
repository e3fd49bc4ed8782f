"""Hostile and clumsy answers, behind every fence that stands here: no marks, no harm.

All of them run as a class is graded, but one after the other in the box that the runner
keeps warm (and replaces when one kills it), with a right answer after each: what one
does to Python, NumPy or its box must not reach the next.
"""

import os
import time
from pathlib import Path

import pytest
from attacks import ATTACKS, at
from hostile import CASES, RIGHT, TRUE, body

from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box, fence

STANDING = [name for name in fence.FENCES if box.stands(name)]
fences = pytest.mark.parametrize("name", STANDING or [None], scope="module")


@pytest.fixture(scope="module")
def outcomes(name, blueprint, tmp_path_factory):
    """({case: its check}, {case: the check of the right answer after it}, harm)."""
    if name is None:
        pytest.skip("no fence stands here")
    root = tmp_path_factory.mktemp(f"hostile-{name}")
    task = blueprint.make(root, test=blueprint.first_check)
    (root / "other").mkdir(mode=0o777)
    (root / "other" / "scale.py").write_text(RIGHT)
    texts = {case: text for case, (text, _) in CASES.items()} | at(root)
    candidates = []
    for case, text in texts.items():
        for who, source in ((case, text), (f"after {case}", RIGHT)):
            data = source.encode("utf-8", "surrogatepass")
            candidates.append(runner.candidate_of(task, who, data))
    before = _files(root)
    with box.Boxes(name) as boxes:
        found = runner.run(task, candidates, boxes=boxes)
    harm = {path for path, held in _files(root).items() if before.get(path) != held}
    harm |= {str(path) for path in before if not path.exists()}
    harm |= {f"process {pid}" for pid in _left()}
    checks = {who: check for who, (check,) in found.items()}
    return checks, harm


def _files(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    kept = "st_mode st_uid st_gid st_mtime_ns st_nlink".split()
    return {
        p: ([getattr(p.stat(), key) for key in kept], p.read_bytes()) for p in files
    }


def _left():
    """Processes of this run's workers that still live."""
    mine = str(fence.cell()).encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mine in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield pid
        except OSError:
            continue


@fences
def test_none_has_marks_and_none_does_harm(outcomes, name):
    checks, harm = outcomes
    marks = [case for case in (*CASES, *ATTACKS) if checks[case].status != "failed"]
    assert len(CASES) + len(ATTACKS) >= 110 and marks == [] and harm == set()


@fences
def test_each_costs_nobody_else_anything(outcomes, name):
    checks, _ = outcomes
    hurt = [case for case in (*CASES, *ATTACKS) if not checks[f"after {case}"].ok]
    assert hurt == [], checks[f"after {hurt[0]}"].message


@fences
def test_the_sentence_says_what_to_change(outcomes, name):
    checks, _ = outcomes
    for case, (_, sentence) in CASES.items():
        assert sentence in checks[case].message, (case, checks[case].message)


@fences
def test_nothing_of_them_acts_on_a_terminal(outcomes, name):
    checks, _ = outcomes
    for case in (*CASES, *ATTACKS):
        told = checks[case].message + checks[case].numbers
        assert told.isprintable(), (case, told)


@pytest.fixture
def one_check(chapter, blueprint):
    """The chapter's task with its first check only."""
    return chapter.make(test=blueprint.first_check)


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
    assert second.ok and time.monotonic() - began < 30


def test_an_exit_costs_its_own_check_alone(chapter):
    text = body("import os", "if n == 7: os._exit(0)", "return x / (1 + 2 * n * lam)")
    chapter.task.answer.write_text(text, encoding="utf-8")
    assert [check.ok for check in runner.grade(chapter.task).checks] == [False, True]


def test_the_clock_of_a_check_covers_all_its_calls(chapter, blueprint):
    loop = "    for _ in range(9):\n        student.scale(x.copy(), n, lam)\n"
    test = blueprint.first_check.replace("    compare(\n", loop + "    compare(\n")
    task = chapter.make(test=test)
    task.answer.write_text(body("import time", "time.sleep(0.5)", "return x"))
    began = time.monotonic()
    (check,) = runner.grade(task).checks
    assert "did not end within 2.5 s" in check.message
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("end", ["", "while True: pass", "import os; os._exit(1)"])
def test_what_it_prints_is_kept_whatever_happens_next(one_check, end):
    text = body("print('λ' * 5000)", "print('\\x1b[2J')", end or "return x")
    one_check.answer.write_text(text, encoding="utf-8")
    (check,) = runner.grade(one_check).checks
    assert check.output.strip().endswith("λλ\n?[2J") and len(check.output) <= 2000


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
        student: runner.grade(one_check, student=student).checks[0].numbers
        for student in ("ada", "emmy")
    }
    again = runner.grade(one_check, student="ada").checks[0].numbers
    assert told["ada"] == again != told["emmy"]
