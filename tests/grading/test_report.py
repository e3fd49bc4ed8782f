"""One result object, every form: JSON, CSV, Gradescope, HTML; always written."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from tinyft.grading import exercise, loop, places, runner
from tinyft.grading.classroom import report
from tinyft.grading.learner import screen, workspace
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import Check, Report, TaskResult, report_from


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
                Check("test_z", "z", 3, "failed", "=no", ["n·λ"], 12.0, 0.5, "out"),
            ],
            note="a byte-order mark",
        ),
        TaskResult("09_a/c", "C", "c.py", [], problem="it holds no check"),
    ],
    student="ada",
    seconds=1.25,
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
    assert said.count("It fails.") == 1 and said.count("the same") == 2
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


def test_gradescopes_fields():
    data = report.as_gradescope(MADE)
    assert (data["score"], data["execution_time"]) == (2, 1.25)
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
    assert second["tags"] == ["09_a/b", "n·λ"] and second["output"] == "=no"
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


def test_a_surprise_in_one_task_does_not_stop_the_others(home, monkeypatch):
    known = runner.grade

    def grade(task, *rest):
        if task.name == "other":
            raise ValueError("surprise")
        return known(task, *rest)

    monkeypatch.setattr(runner, "grade", grade)
    other = exercise.Task("09_scale", "other", home.task.folder)
    found = report.grade_tasks([other, home.task])
    assert found.tasks[0].problem == "ValueError: surprise"
    assert found.tasks[1].out_of == 3


def test_unreadable_files_fail_with_a_sentence(home, tmp_path):
    def sentence(path, **more):
        (first, _) = runner.grade(home.task, path, **more).checks
        assert not first.ok
        return first.message

    folder = tmp_path / "scale.py"
    folder.mkdir()
    assert "scale.py is not a file" in sentence(folder)
    huge = tmp_path / "huge.py"
    huge.write_bytes(b"#" * (runner.LARGEST + 1))
    assert "huge.py is larger than 1 MiB" in sentence(huge)
    assert "is not there" in sentence(tmp_path / "none.py")
    inside = tmp_path / "submission"
    inside.mkdir()
    if hasattr(os, "symlink"):
        (inside / "scale.py").symlink_to(home.task.solution)
        said = sentence(inside / "scale.py", inside=inside)
        assert "is a link to another place: hand in the file itself" in said


@pytest.mark.skipif(os.name != "posix", reason="a named pipe")
def test_a_pipe_is_not_read(home, tmp_path):
    os.mkfifo(tmp_path / "scale.py")
    first, _ = runner.grade(home.task, tmp_path / "scale.py").checks
    assert "scale.py is not a file" in first.message


def test_where_there_are_no_processes(home, monkeypatch, capsys):
    monkeypatch.setattr(runner, "PROCESSES", False)
    assert [check.ok for check in runner.grade(home.task).checks] == [False, False]
    home.task.answer.write_text(home.texts.solution, encoding="utf-8")
    found = loop.grade(["scale"])
    assert found.ok, report.as_plain(found)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(os.name != "posix", reason="Gradescope's machines are Linux")
def test_the_autograder_zip_runs(home, tmp_path):
    workspace.autograder(tmp_path / "auto.zip", ["scale"])
    root = tmp_path / "autograder"
    with zipfile.ZipFile(tmp_path / "auto.zip") as archive:
        archive.extractall(root / "source")
        modes = {i.filename: i.external_attr >> 16 for i in archive.infolist()}
    for name in ("setup.sh", "run_autograder"):
        assert modes[name] == 0o100755
        subprocess.run(["bash", "-n", root / "source" / name], check=True)
    (root / "results").mkdir()
    (root / "submission").mkdir()
    answer = home.texts.solution.replace("2 * n * lam", "n * lam")
    (root / "submission" / "scale.py").write_text(answer, encoding="utf-8")
    users = {"users": [{"email": "ada@x.org"}]}
    (root / "submission_metadata.json").write_text(json.dumps(users))
    environment = runner.worker_environment() | {"AUTOGRADER": str(root)}
    environment["PYTHON"] = sys.executable
    subprocess.run(
        ["bash", root / "source" / "run_autograder"],
        env=environment,
        check=True,
        capture_output=True,
    )
    data = json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))
    assert data["score"] == 1 and len(data["tests"]) == 2
    assert "n·λ in place of 2n·λ" in data["tests"][0]["output"]
    assert places.MARKER not in modes
