"""A folder of submissions: layouts, bad ones, resuming, killed; item statistics."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tinyft.grading.classroom import handed, instructor, submissions
from tinyft.grading.exercise import GradingError
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box, process


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the one that the commands find."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def hand_in(folder, student, text, where="exercises/09_scale"):
    place = folder / student / where
    place.mkdir(parents=True, exist_ok=True)
    (place / "scale.py").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(home, tmp_path):
    """Nine submissions: right, wrong, hostile, missing, linked, elsewhere."""
    right = home.texts.solution
    folder = tmp_path / "handed in"
    hand_in(folder, "ada", right)
    hand_in(folder, "emmy", right.replace("2 * n", "n"), where="09_scale")
    hand_in(folder, "grace", right.replace("2 * n", "2"), where=".")
    hand_in(folder, "bad", "import os\nos._exit(0)\n")
    hand_in(folder, "syntax", "def scale(:\n")
    hand_in(folder, "unreadable", "\0")
    (folder / "empty").mkdir()
    (folder / "linked").mkdir()
    (folder / "linked" / "scale.py").symlink_to(home.task.solution)
    (folder / ".git").mkdir()
    (folder / "notes.txt").write_text("not a student")
    return folder


SCORES = {
    "ada": 3,
    "bad": 0,
    "notes.txt": 0,
    "emmy": 1,
    "empty": 0,
    "grace": 1,
    "linked": 0,
    "syntax": 0,
    "unreadable": 0,
}


def graded_now(said):
    return int(said.split(" graded now")[0].split()[-1])


def test_everyone_is_graded_and_nobody_twice(home, folder, tmp_path, capsys):
    out = tmp_path / "grades"
    assert instructor.grade_submissions(folder, out=out) is True
    assert graded_now(capsys.readouterr().out) == 9
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"]: int(row["09_scale/scale"]) for row in rows} == SCORES
    assert {row["out of"] for row in rows} == {"3"}  # the missing file's too
    before = (out / "grades.csv").read_bytes()
    hand_in(folder, "emmy", home.texts.solution, where="09_scale")
    (out / "reports" / "ada.json").write_text("{")  # half a file, say
    instructor.grade_submissions(folder, out=out)
    said = capsys.readouterr().out
    assert graded_now(said) == 2 and "7 kept from before" in said
    assert (out / "grades.csv").read_bytes() != before
    home.task.test.write_text(home.texts.test + "\n# another grader\n")
    instructor.grade_submissions(folder, out=out)
    assert graded_now(capsys.readouterr().out) == 9


def test_messages_of_a_report(home, folder, tmp_path):
    tasks = [home.task]
    found = submissions.grade_all(folder, tmp_path / "out", tasks, jobs=1)
    first = {one.student: one.tasks[0].checks[0] for one in found}
    assert "n·λ instead of 2n·λ" in first["emmy"].named
    assert "is a link to another place" in first["linked"].message
    assert first["empty"].message == "scale.py was not handed in: there is nothing"
    assert "notes.txt is not matched" in first["notes.txt"].message
    written = json.loads((tmp_path / "out/reports/emmy.json").read_text("utf-8"))
    assert written["score"] == 1 and written["student"] == "emmy"
    assert {one.fence for one in found} == {box.choose()} == {written["fence"]}


def test_a_surprise_with_one_student_does_not_stop_the_rest(
    home, folder, tmp_path, monkeypatch, capsys
):
    known = handed.read

    def read(one, tasks):
        if one.student == "emmy":
            raise OSError("disk on fire")
        return known(one, tasks)

    monkeypatch.setattr(handed, "read", read)
    instructor.grade_submissions(folder, out=tmp_path / "out")
    said = capsys.readouterr().out
    assert "emmy: emmy: OSError: disk on fire" in said and "9 submissions" in said
    monkeypatch.undo()
    monkeypatch.setenv("TINYFT_HOME", str(home.root))
    instructor.grade_submissions(folder, out=tmp_path / "out")
    assert graded_now(capsys.readouterr().out) == 1  # it was another hand-in


def test_a_job_that_fails_is_tried_again_next_time(
    home, folder, tmp_path, monkeypatch, capsys
):
    def lost(job):
        raise RuntimeError("no such machine\x1b[2J")

    with monkeypatch.context() as patch:
        patch.setattr(submissions, "grade_job", lost)
        instructor.grade_submissions(folder, out=tmp_path / "out")
    said = capsys.readouterr().out
    assert "ada: RuntimeError: no such machine?[2J" in " ".join(said.split())
    instructor.grade_submissions(folder, out=tmp_path / "out")
    assert graded_now(capsys.readouterr().out) == 9


def test_another_course_on_the_workers_is_told(home, tmp_path):
    hand_in(tmp_path / "in", "ada", home.texts.solution)
    job = submissions.job_of("ada", {}, [home.task], b"", "none")
    json.dumps(job)  # plain data: it may be sent anywhere
    with pytest.raises(GradingError, match="another version of the course"):
        submissions.grade_job(job | {"course": "x"})


def test_a_secret_gives_other_data_than_the_id_alone(home, tmp_path):
    hand_in(tmp_path / "in", "ada", "def scale(x, n, lam):\n    return x\n")
    told = set()
    for number, key in enumerate((b"", b"k" * 32, b"l" * 32, b"k" * 32)):
        out = tmp_path / f"out{number}"
        how = {"jobs": 1, "secret": key}
        (one,) = submissions.grade_all(tmp_path / "in", out, [home.task], **how)
        told.add(one.tasks[0].checks[0].numbers)
        assert key.hex() not in (out / "reports/ada.json").read_text() or not key
    assert len(told) == 3


def test_what_is_no_folder_of_submissions_is_told(home, tmp_path):
    with pytest.raises(GradingError, match="is not a folder"):
        handed.hand_ins(tmp_path / "none", [home.task])
    (tmp_path / "none" / ".git").mkdir(parents=True)
    with pytest.raises(GradingError, match="holds no submission"):
        handed.hand_ins(tmp_path / "none", [home.task])
    with pytest.raises(GradingError, match="is not a folder"):
        submissions.grade_one(tmp_path / "nowhere")


def test_each_student_has_a_seed_of_their_own(home, tmp_path):
    for student in ("ada", "emmy"):
        hand_in(tmp_path / "in", student, "def scale(x, n, lam):\n    return x\n")
    found = submissions.grade_all(tmp_path / "in", tmp_path / "out", [home.task])
    ada, emmy = (one.tasks[0].checks[0].numbers for one in found)
    again = submissions.grade_one(tmp_path / "in" / "ada", student="ada")
    assert ada != emmy and again.tasks[0].checks[0].numbers == ada


@pytest.mark.skipif(not process.FORKS, reason="looks for Linux processes")
def test_killed_once_and_resumed(home, tmp_path):
    folder, out, count = tmp_path / "in", tmp_path / "out", 12
    for i in range(count):
        slow = "import time\ntime.sleep(0.05)\n" + home.texts.solution
        hand_in(folder, f"student{i:02d}", slow)
    command = [sys.executable, "-m", "tinyft", "grade", "--submissions", folder]
    environment = runner.worker_environment() | {"TINYFT_HOME": str(home.root)}
    running = subprocess.Popen(
        [*command, "--out", out], env=environment, stdout=subprocess.DEVNULL
    )
    reports = out / "reports"
    _until(lambda: len(list(reports.glob("student*.json"))) >= 2)
    servers = _children(running.pid)  # judges' servers and boxes
    running.send_signal(signal.SIGKILL)
    running.wait()
    written = {p: p.stat().st_mtime_ns for p in reports.glob("student*.json")}
    assert 2 <= len(written) < count and len(servers) >= 2
    _until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in servers))
    done = subprocess.run(
        [*command, "--out", out], env=environment, capture_output=True, text=True
    )
    assert f"{count - len(written)} graded now" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in written} == written
    assert len((out / "grades.csv").read_text().splitlines()) == 1 + count


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        mine = set(file.read().split())
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            mine |= set(file.read().split())
    return mine


def _until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.01)
