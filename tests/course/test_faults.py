"""`tinyft faults`: how trials end, what is told, and that ours still apply."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyft import cli
from tinyft.course.faults import bench, plant, screen, survey, table
from tinyft.course.run.execute import CourseError

PACKAGE = bench.PACKAGE


def notebook(folder, *cells, name="09_l2sp"):
    """A notebook in `folder`/notebooks; a cell that begins with # is a heading."""
    kinds = ["markdown" if cell.startswith("#") else "code" for cell in cells]
    data = [{"cell_type": k, "source": [c]} for k, c in zip(kinds, cells)]
    path = folder / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": data}), encoding="utf-8")
    return path


SETUP = """import numpy as np
from tinyft.course import check
from tinyft.transfer import l2sp
X, y, start = np.eye(3, 2), np.ones(3), np.array([2.0, 4.0])"""
# n = 3, λ = 1: c = 6, θ = (1 + 6·start)/(1 + 6)
CHECK = """theta = l2sp.closed_form(X, y, start, 1.0)
check("closed form", theta, [13 / 7, 25 / 7], 1e-12, "a solve")"""
NOTES = """
[[fault]]
file = "transfer/l2sp.py"
old = '"half_mean": lambda n, K: 2 * n,'
new = '"half_mean": lambda n, K: n,'
why = "factor 2"

[[fault]]
file = "transfer/l2sp.py"
old = 'linalg = backend.linalg_of("closed_form", X)'
new = 'linalg = None'
why = "no algebra"

[[fault]]
file = "transfer/l2sp.py"
old = '"sum": lambda n, K: 1,  # |E|²'
new = '"sum": 2,'
why = "the notebook does not ask for it"

[[fault]]
file = "transfer/l2sp.py"
old = 'linalg = backend.linalg_of("closed_form", X)'
new = "while True: pass"
why = "endless"

[equivalent]
'transfer/l2sp.py by hand: "sum": lambda n, K: 1,  # |E|² → "sum": 2,' = "so"
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one chapter, with faults by hand; returns the notebook."""
    monkeypatch.setenv("TINYFT_HOME", str(tmp_path))
    monkeypatch.setattr(table.places, "library", lambda: tmp_path)
    monkeypatch.setattr(survey, "GRACE", 5)
    monkeypatch.setattr(survey, "PATIENCE", 0)
    (tmp_path / "tests" / "faults").mkdir(parents=True)
    (tmp_path / "tests" / "faults" / "09_l2sp.toml").write_text(NOTES, "utf-8")
    return notebook(tmp_path, "# The chapter", SETUP, CHECK)


def test_how_trials_end(course):
    before = (PACKAGE / "transfer/l2sp.py").read_bytes()
    heard = []
    found = survey.survey(course, sample=0, jobs=2, heard=heard.append)
    assert not found.problem
    check, error, same, endless = found.trials
    assert (check.outcome, check.said, check.cell) == ("check", "closed form", 3)
    assert check.fault.why == "factor 2" and check.fault.diff.count("\n") == 1
    assert (error.outcome, error.cell) == ("exception", 3)
    assert error.said.startswith("AttributeError: 'NoneType'")
    assert (same.outcome, same.said) == ("equivalent", "so")
    assert (endless.outcome, endless.said) == ("timeout", "after 5 s of processor time")
    assert found.ok and found.count(*survey.CAUGHT) == 3
    assert len(heard) == 5 and heard[0].startswith("09_l2sp: 1 checks")
    assert (PACKAGE / "transfer/l2sp.py").read_bytes() == before


def test_the_command(course, monkeypatch, capsys, tmp_path):
    path = tmp_path / "tests" / "faults" / "09_l2sp.toml"
    path.write_text(
        NOTES.partition("[equivalent]")[0].rpartition("[[fault]]")[0], "utf-8"
    )
    log = tmp_path / "log.json"
    arguments = ["faults", "09", "--sample", "2", "--jobs", "1", "--json", str(log)]
    monkeypatch.setattr(sys, "argv", ["tinyft", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said, data = capsys.readouterr().out, json.loads(log.read_text("utf-8"))
    (chapter,) = data["chapters"]
    assert len(chapter["trials"]) == 5 and chapter["chapter"] == "09_l2sp"
    survived = chapter["counts"]["survived"]
    assert survived >= 1 and not chapter["ok"] and ended.value.code == 1
    assert "by hand 2 of 3" in said and '+    "sum": 2,' in said
    # what was drawn is what the notebook calls
    where = {trial["where"] for trial in chapter["trials"]}
    assert where <= {"by hand", "closed_form", "lambda"}


def test_a_chapter_must_pass_without_a_fault(tmp_path):
    wrong = notebook(tmp_path, SETUP, CHECK.replace("13 / 7", "2"))
    found = survey.survey(wrong, sample=0)
    assert found.problem == "it does not pass without a fault: cell 2: closed form"
    assert not found.ok and not found.trials
    assert screen.summary(found) == f"09_l2sp: {found.problem}"


def test_a_fault_that_breaks_the_import_is_caught(course, tmp_path):
    first = NOTES.split("[[fault]]")[1]
    broken = first.replace("K: n,", "K: n, **undefined,")
    path = tmp_path / "tests" / "faults" / "09_l2sp.toml"
    path.write_text(f"[[fault]]{broken}", encoding="utf-8")
    (found,) = survey.survey(course, sample=0, jobs=1, heard=lambda _: None).trials
    assert found.outcome == "exception" and "undefined" in found.said


@pytest.mark.skipif(os.name != "posix", reason="a process's parent stays its number")
def test_a_trial_ends_with_the_command(tmp_path):
    """A command that is killed leaves no notebook running."""
    mark = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    job = {"cells": [(1, mark), (2, "while True: pass")], "watch": [], "report": "r"}
    job["processor"] = None
    (tmp_path / "job.json").write_text(json.dumps(job))
    trial = [
        sys.executable,
        "-m",
        "tinyft.course.faults.trial",
        str(tmp_path / "job.json"),
    ]
    start = f"import subprocess, time; subprocess.Popen({trial!r}); time.sleep(600)"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = subprocess.Popen([sys.executable, "-c", start], env=environment)
    try:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    finally:
        command.kill()
        command.wait()
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not _runs(pid))


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # one that ended and that nobody waited for is Z
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_core_ends_before_the_proofs(tmp_path):
    path = notebook(tmp_path, "# A", "a = 1", "## Proofs", "b = 1")
    assert survey.code_cells(path) == [(2, "a = 1"), (4, "b = 1")]
    assert survey.code_cells(path, core=True) == [(2, "a = 1")]
    with pytest.raises(CourseError, match="no heading that begins with Proofs"):
        survey.code_cells(notebook(tmp_path, "# A", "a = 1"), core=True)


@pytest.mark.parametrize(
    "text, said",
    [
        ("[[fault]", "not valid TOML"),
        ('[[fault]]\nfile = "a.py"\nold = "a"\nnew = "b"', "fault 1 needs why"),
    ],
)
def test_notes_that_cannot_be_read(tmp_path, text, said):
    (tmp_path / "09_l2sp.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=said):
        table.notes("09_l2sp", tmp_path)


OURS = Path(__file__).parents[1] / "faults"


@pytest.mark.parametrize("path", sorted(OURS.glob("*.toml")), ids=lambda p: p.stem)
def test_our_faults_by_hand_still_apply(path):
    """Each names text that occurs once, and leaves valid Python."""
    notes = table.notes(path.stem, OURS)
    faults = [plant.by_hand(PACKAGE, note) for note in notes.by_hand]
    assert len({fault.text for fault in faults}) == len(faults) >= 10
    assert {fault.file for fault in faults} & set(table.files(path.stem))


def test_every_chapter_has_its_files():
    assert "transfer/l2sp.py" in table.files("09_l2sp")
    with pytest.raises(CourseError, match="99_none"):
        table.files("99_none")
