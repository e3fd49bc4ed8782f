"""start: from a course, from a wheel; nothing is overwritten."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinyft
from tinyft.grading import exercise, places, workspace
from tinyft.grading.classroom import instructor
from tinyft.grading.exercise import GradingError
from tinyft.grading.judging import runner

REPOSITORY = Path(tinyft.__file__).parents[1]


@pytest.fixture
def course(chapter, monkeypatch):
    """The throw-away chapter, with a notebook, as the course that is copied."""
    folder = chapter.root / "notebooks"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "09_scale.ipynb").write_text("{}")
    (folder / "10_other.ipynb").write_text("{}")
    (folder / ".ipynb_checkpoints" / "09_scale.ipynb").write_text("{}")
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


FILES = {
    "tinyft-workspace.toml",
    "notebooks/09_scale.ipynb",
    "notebooks/10_other.ipynb",
    "exercises/09_scale/scale.py",
}


def test_a_workspace_and_its_stub(course, tmp_path):
    course.task.answer.write_text("somebody's answer")  # never what others start from
    mine = tmp_path / "new" / "mine"
    written, kept = workspace.start(mine)
    assert names(mine) == FILES and kept == [] and len(written) == len(FILES)
    stub = (mine / "exercises/09_scale/scale.py").read_text(encoding="utf-8")
    assert stub == exercise.stub_from(course.texts.solution)
    assert tinyft.__version__ in (mine / "tinyft-workspace.toml").read_text()


def test_it_never_overwrites_and_adds_what_is_new(course, tmp_path, capsys):
    mine = tmp_path / "mine"
    workspace.start(mine)
    for name in FILES:
        (mine / name).write_text("mine")
    (mine / "notebooks/09_scale.ipynb").unlink()
    instructor.start(mine)
    said = " ".join(capsys.readouterr().out.split())
    assert "1 files written" in said and "3 were there and are as they were" in said
    kept = FILES - {"notebooks/09_scale.ipynb"}
    assert {(mine / name).read_text() for name in kept} == {"mine"}


def test_some_chapters_only(course, tmp_path):
    workspace.start(tmp_path / "mine", ["scale"])
    assert names(tmp_path / "mine") == FILES - {"notebooks/10_other.ipynb"}


def test_where_a_workspace_cannot_be(course, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(GradingError, match=r"is a file|cannot be written"):
            workspace.start(place)
    for place in (course.root, course.root / "exercises" / "x"):
        with pytest.raises(GradingError, match="is the course itself"):
            workspace.start(place)


def test_a_course_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYFT_HOME", raising=False)
    monkeypatch.setattr(places, "library", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GradingError, match="there is no course to copy"):
        workspace.start(tmp_path / "mine")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, made offline from a copy of the repository, installed in a folder."""
    import shutil

    folder = tmp_path_factory.mktemp("wheel")
    left = shutil.ignore_patterns("build", "dist", ".*", "*.egg-info", "__pycache__")
    shutil.copytree(REPOSITORY, folder / "repository", ignore=left)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    build = ["wheel", "--no-build-isolation", "-w", "dist", "./repository"]
    subprocess.run([*pip, *build, *offline], cwd=folder, check=True)
    (made,) = (folder / "dist").glob("*.whl")
    install = ["install", "--target", "site", "--no-compile", str(made)]
    subprocess.run([*pip, *install, *offline], cwd=folder, check=True)
    shutil.rmtree(folder / "repository")
    return folder / "site"


def test_from_an_installed_wheel(wheel, tmp_path):
    environment = runner.worker_environment() | {"PYTHONPATH": str(wheel)}

    def run(*arguments, folder=tmp_path):
        command = [sys.executable, "-P", "-m", "tinyft", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
        )
        return done.returncode, done.stdout + done.stderr

    code, said = run("start", "mine")
    assert code == 0 and "files written to mine" in said, said
    mine = tmp_path / "mine"
    assert not (names(mine) & {"progress.json"}) and (mine / "exercises").is_dir()
    label = "09_l2sp/best_lambda"
    code, said = run("grade", label, folder=mine)
    assert code == 1 and "not implemented yet" in said
    solution = wheel / "tinyft/course/material/exercises/09_l2sp/solutions"
    text = (solution / "best_lambda.py").read_text(encoding="utf-8")
    answer = mine / "exercises" / f"{label}.py"
    answer.write_text(text, encoding="utf-8")
    assert [p.suffix for p in answer.parent.iterdir() if "best_lambda" in p.name] == [
        ".py"
    ]
    test = answer.with_name("test_best_lambda.py")
    test.write_text("raise SystemExit(3)")  # the package's own is what counts
    code, said = run("grade", label, folder=mine / "notebooks" / "..")
    assert code == 0 and "ok " in said, said
    code, said = run("start", ".", folder=mine)
    assert code == 0 and "0 files written" in said
    assert answer.read_text(encoding="utf-8") == text
    assert run("solution", label, folder=mine)[0] == 0
    assert not list(tmp_path.glob("*.json"))


def test_a_wheel_holds_the_course_but_nothing_of_a_learner(wheel):
    material = wheel / "tinyft" / "course" / "material"
    held = names(material)
    assert "exercises/09_l2sp/solutions/closed_form.py" in held
    assert "exercises/09_l2sp/wrong_answers.py" in held
    bad = ("progress.json", ".bak", ".pyc", ".part")
    assert not [name for name in held if name.endswith(bad)]
    repository = {
        f"notebooks/{p.name}" for p in (REPOSITORY / "notebooks").glob("*.ipynb")
    }
    assert repository <= held
    assert os.path.exists(wheel / "tinyft" / "cli.py")
