"""release: what students get, what Gradescope gets, and the secret that nobody gets."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tinyft
from tinyft.grading import exercise, places
from tinyft.grading.candidate import Candidate
from tinyft.grading.classroom import instructor, secret
from tinyft.grading.classroom.release import release
from tinyft.grading.exercise import GradingError
from tinyft.grading.judging import runner

REPOSITORY = Path(tinyft.__file__).parents[1]
COURSE = exercise.find_tasks(REPOSITORY)


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the course that is released."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_release_is_made_in_a_new_folder(home, tmp_path, capsys):
    out = tmp_path / "made" / "out"
    instructor.release(out)
    assert names(out) == {"tinyft-workspace.toml", "exercises/09_scale/scale.py"}
    said = " ".join(capsys.readouterr().out.split())
    assert "no solution, grader or hint is among them" in said
    with pytest.raises(GradingError, match="is not empty"):
        release(out)
    with pytest.raises(GradingError, match="needs a folder to make"):
        release()


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_the_secret_is_made_once_and_lies_beside_the_release(home, tmp_path):
    told = release(tmp_path / "out", archive=tmp_path / "auto.zip")
    path = tmp_path / "out-secret.txt"
    assert path.stat().st_mode & 0o777 == 0o600 and str(path) in told[-1]
    assert len(secret.read(path)) == 32 and "is new" in told[-1]
    with zipfile.ZipFile(tmp_path / "auto.zip") as archive:
        assert archive.read("secret.txt").decode() == path.read_text()
    again = release(tmp_path / "other", secret_file=path)
    assert "was there and is used again" in again[-1]
    assert not any("secret" in name for name in names(tmp_path / "other"))
    with pytest.raises(GradingError, match="would be handed out"):
        release(tmp_path / "third", secret_file=tmp_path / "third" / "secret.txt")


@pytest.mark.parametrize("text", ["", "xyz", "00ff", None])
def test_what_is_no_secret_is_told(tmp_path, text):
    path = tmp_path / "secret.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GradingError, match="holds no secret"):
        secret.read(path)
    assert secret.read(None) == b""


def test_a_seed_depends_on_the_secret_the_student_and_the_task():
    def seed(student="ada", label="09/a", key=b""):
        return Candidate("x", Path("x.py"), b"", student, label, key).seed

    keyed = seed(key=b"k" * 32)
    others = [seed(), seed(key=b"l" * 32), seed("emmy", key=b"k" * 32)]
    others += [seed(label="09/b", key=b"k" * 32), seed("caf\udce9", key=b"k" * 32)]
    assert keyed == seed(key=b"k" * 32) and keyed not in others
    # RFC 4231's HMAC-SHA256, from the standard library's other interface
    want = hmac.new(b"k" * 32, b"ada:09/a", hashlib.sha256).digest()[:6]
    assert keyed == int.from_bytes(want, "big")


def is_stub(name):
    word = name.split("/")[-1]
    return word.endswith(".py") and not word.startswith(("test_", "driver_"))


def blocks(source):
    """The texts between the markers of a solution."""
    found, inside = [], None
    for line in source.splitlines():
        if exercise.END.match(line):
            found.append("\n".join(inside))
            inside = None
        elif inside is not None:
            inside.append(line.rstrip())
        elif exercise.BEGIN.match(line):
            inside = []
    return found


def test_no_solution_leaks_from_a_release_of_the_course(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYFT_HOME", str(REPOSITORY))
    out = tmp_path / "out"
    release(out, archive=tmp_path / "autograder.zip")
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(tmp_path / "zip")
    for folder in (out, tmp_path / "zip"):
        parts = {part for name in names(folder) for part in name.split("/")}
        assert not {"solutions", "wrong_answers.py", "survivors.toml"} & parts
        graders = [n for n in names(folder / "exercises") if not is_stub(n)]
        assert bool(graders) == (folder != out)
        files = (folder / "exercises").rglob("*.*")
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        assert len(COURSE) >= 4
        for task in COURSE:
            for block in blocks(exercise.read_source(task.solution)):
                assert block.strip() and block not in text, task.label


@pytest.mark.skipif(os.name != "posix", reason="Gradescope's machines are Linux")
def test_the_autograder_zip_runs(home, tmp_path):
    release(archive=tmp_path / "auto.zip", wanted=["scale"])
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
    assert "n·λ instead of 2n·λ" in data["tests"][0]["output"]
    assert places.MARKER not in modes
