"""One result object, every form: JSON, CSV, Gradescope, HTML; always written."""

import csv
import io
import json
import os

import pytest

from tinyft.grading import exercise
from tinyft.grading.classroom import report
from tinyft.grading.exercise import GradingError
from tinyft.grading.judging import runner
from tinyft.grading.learner import loop, screen
from tinyft.grading.results import Check, Report, TaskResult, report_from
from tinyft.grading.sandbox import box, fence


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the one that the commands find."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


MADE = Report(
    [
        TaskResult(
            "09_a/b",
            "A & B",
            "b.py",
            [
                Check("test_x", "x < y", 2, "passed"),
                Check("z", "z", 3, "failed", "=no", ["n·λ"], 12.0, 0.5, "out", "f(2)"),
            ],
            note="a byte-order mark",
        ),
        TaskResult("09_a/c", "C", "c.py", [], problem="it holds no check"),
    ],
    student="ada",
    seconds=1.25,
    fence="landlock",
)


def test_numbers_of_the_report():
    assert (MADE.score, MADE.out_of, MADE.ok) == (2, 5, False)
    assert not Report([]).ok and not Report([], problem="x").ok
    right = TaskResult("t", "t", "t", [Check("c", "c", 1, "passed")])
    assert Report([right]).ok and not Report([right], problem="x").ok


def test_the_same_message_is_told_once_and_only_the_last_lines_printed():
    spam = "\n".join(f"line {i}" for i in range(300))
    checks = [Check(n, n, 1, "failed", "It fails.", output=spam) for n in "abc"]
    said = report.as_plain(Report([TaskResult("09_a/b", "B", "b.py", checks)]))
    assert said.count("It fails.") == 1 and said.count(" FAIL ") == 3
    assert said.index("It fails.") < said.index(" FAIL ")  # the verdict comes first
    assert "printed, the last 5 lines:\n        line 295\n" in said
    assert said.count("line 29") == 5 and "line 294" not in said


def test_json_and_back():
    data = json.loads(json.dumps(MADE.as_json()))
    assert (data["score"], data["out_of"], data["ok"]) == (2, 5, False)
    assert report_from(data) == MADE


def test_csv_has_a_row_for_every_check_and_runs_nothing():
    rows = list(csv.DictReader(io.StringIO(report.as_csv(report.check_rows(MADE)))))
    assert [row["points"] for row in rows] == ["2", "0"]
    assert rows[1]["mistakes"] == "n·λ" and rows[1]["message"] == "'=no"
    assert rows[1]["numbers"] == "f(2)"


def test_gradescopes_fields():
    data = report.as_gradescope(MADE)
    assert (data["score"], data["execution_time"]) == (2, 1.25)
    assert data["output"] == "Answers ran behind: Landlock, seccomp."
    assert data["visibility"] == "visible" and data["stdout_visibility"] == "hidden"
    first, second, third = data["tests"]
    assert first == {
        "name": "09_a/b: x < y",
        "score": 2,
        "max_score": 2,
        "status": "passed",
        "number": "1",
        "output": "",
        "tags": ["09_a/b"],
        "visibility": "visible",
    }
    assert (second["status"], second["score"], second["max_score"]) == ("failed", 0, 3)
    assert second["tags"] == ["09_a/b", "n·λ"] and second["output"] == "=no\n\nf(2)"
    assert (third["max_score"], third["status"]) == (0, "failed")
    assert third["output"] == "it holds no check"
    (nothing,) = report.as_gradescope(Report([], problem="no exercise"))["tests"]
    assert (nothing["output"], nothing["status"]) == ("no exercise", "failed")


def test_html_is_escaped_and_complete():
    page = report.as_html(MADE)
    for part in ("A &amp; B", "x &lt; y", "=no", "2 of 5 points", "0/3", "no check"):
        assert part in page
    assert page.count("<tr>") == page.count("</tr>") == 6


def test_a_test_that_cannot_be_run_is_written_too(home):
    home.task.test.write_text("import no_such_module\n")
    paths = {key: home.root / "out" / key for key in ("json", "csv", "gradescope")}
    assert screen.grade(**paths) is False
    data = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert "No module named 'no_such_module'" in data["tasks"][0]["problem"]
    (test,) = json.loads(paths["gradescope"].read_text(encoding="utf-8"))["tests"]
    assert "no_such_module" in test["output"] and test["max_score"] == 0
    assert not (home.root / "progress.json").exists()  # nothing was graded


def test_a_wrong_name_is_written_too(home):
    paths = {key: home.root / key for key in ("json", "gradescope")}
    with pytest.raises(GradingError, match="there is no chapter or task 'zzz'"):
        screen.grade(["zzz"], **paths)
    data = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert not data["ok"] and "'zzz'" in data["problem"]
    (test,) = json.loads(paths["gradescope"].read_text(encoding="utf-8"))["tests"]
    assert "'zzz'" in test["output"]


def test_a_test_that_cannot_be_run_does_not_stop_the_others(home):
    (home.task.folder / "test_other.py").write_text("import no_such_module\n")
    other = exercise.Task("09_scale", "other", home.task.folder)
    found = report.grade_tasks([other, home.task], jobs=1)
    assert "No module named 'no_such_module'" in found.tasks[0].problem
    assert found.tasks[0].out_of == 0 and found.tasks[1].out_of == 3


def test_a_judge_that_dies_costs_its_own_task_alone(home):
    (home.task.folder / "test_other.py").write_text("import os\nos._exit(3)\n")
    other = exercise.Task("09_scale", "other", home.task.folder)
    found = report.grade_tasks([other, home.task], jobs=1)
    assert "ended the judge with status 3" in found.tasks[0].problem
    assert found.tasks[1].out_of == 3


def test_unreadable_files_fail_with_a_sentence(home, tmp_path):
    def sentence(path):
        (first, _) = runner.grade(home.task, path).checks
        assert not first.ok
        return first.message

    folder = tmp_path / "scale.py"
    folder.mkdir()
    assert "scale.py is not a file" in sentence(folder)
    huge = tmp_path / "huge.py"
    huge.write_bytes(b"#" * (runner.LARGEST + 1))
    assert "huge.py is larger than 1 MiB" in sentence(huge)
    assert "is not there" in sentence(tmp_path / "none.py")


@pytest.mark.skipif(os.name != "posix", reason="a named pipe")
def test_a_pipe_is_not_read(home, tmp_path):
    os.mkfifo(tmp_path / "scale.py")
    first, _ = runner.grade(home.task, tmp_path / "scale.py").checks
    assert "scale.py is not a file" in first.message


def test_where_there_are_no_processes(home, monkeypatch, capsys):
    monkeypatch.setattr(box, "PROCESSES", False)
    monkeypatch.setattr(box, "WARM", False)
    box._choose.cache_clear()
    assert [check.ok for check in runner.grade(home.task).checks] == [False, False]
    home.task.answer.write_text(home.texts.solution, encoding="utf-8")
    found = loop.grade(["scale"])
    assert found.ok and found.fence == "browser", report.as_plain(found)
    assert capsys.readouterr().out == ""
    box._choose.cache_clear()


@pytest.mark.skipif(not box.WARM, reason="looks for Linux processes")
def test_results_are_written_after_the_last_process_of_an_answer(home, monkeypatch):
    """Nothing that an answer started is there to write over them."""
    submission = home.root / "in"
    submission.mkdir()
    (submission / "scale.py").write_text("while True: pass\n", encoding="utf-8")
    cell, seen = str(fence.cell()), []

    def write(path, content):
        seen.append([pid for pid in os.listdir("/proc") if pid.isdigit() and mine(pid)])

    def mine(pid):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return cell in file.read()
        except OSError:
            return False

    monkeypatch.setattr(screen.files, "write", write)
    how = {"folder": submission, "no_fence": True}
    assert screen.grade(gradescope=home.root / "results.json", **how) is False
    assert seen == [[]]
