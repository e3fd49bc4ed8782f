"""Which root wins, and what a workspace takes from the package."""

import pytest

from tinyft.course.run import execute
from tinyft.grading import exercise, places


@pytest.fixture
def course(chapter, monkeypatch):
    """The throw-away chapter as the package's own course, nothing chosen."""
    monkeypatch.delenv("TINYFT_HOME", raising=False)
    monkeypatch.setattr(places, "library", lambda: chapter.root)
    return chapter


def workspace(folder, text="mine"):
    home = folder / "exercises" / "09_scale"
    home.mkdir(parents=True)
    (folder / places.MARKER).write_text("")
    (home / "scale.py").write_text(text)
    (home / "test_scale.py").write_text("raise SystemExit(0)")
    return home


def test_the_order_of_the_roots(course, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    workspace(mine)
    deep = mine / "exercises" / "09_scale"
    monkeypatch.chdir(tmp_path)
    assert places.roots() == [course.root]
    monkeypatch.chdir(deep)
    assert places.roots() == [mine.resolve(), course.root]
    monkeypatch.setenv("TINYFT_HOME", str(tmp_path / "other"))
    assert places.roots() == [tmp_path / "other", mine.resolve(), course.root]


def test_a_folder_outside_every_course_is_told(course, tmp_path, monkeypatch):
    workspace(tmp_path / "mine")
    monkeypatch.chdir(course.root.parent)
    assert str(course.root) in places.elsewhere()
    for inside in (tmp_path / "mine", course.root, course.task.folder):
        monkeypatch.chdir(inside)
        assert places.elsewhere() == ""


def test_the_library_is_the_material_of_a_wheel_where_there_is_one(
    tmp_path, monkeypatch
):
    assert places.library() == places.PACKAGE_PARENT
    monkeypatch.setattr(places, "MATERIAL", tmp_path)
    assert places.library() == tmp_path


def test_a_workspace_has_its_own_files_and_the_packages_tests(
    course, tmp_path, monkeypatch
):
    home = workspace(tmp_path / "mine")
    monkeypatch.chdir(home)
    (task,) = exercise.find_tasks()
    assert task.answer == home.resolve() / "scale.py"
    assert task.test == course.task.test and task.solution.exists()
    assert task.root == (tmp_path / "mine").resolve()


def test_chapters_that_a_workspace_lacks_are_not_in_it(course, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / places.MARKER).write_text("")
    monkeypatch.setenv("TINYFT_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    (task,) = exercise.find_tasks()  # an empty one: the next root that has any
    assert task.home is None


def test_a_chapter_that_the_package_does_not_know_is_graded_as_it_lies(
    course, tmp_path, monkeypatch
):
    home = workspace(tmp_path / "mine")
    own = home.parent / "10_own"
    own.mkdir()
    (own / "test_two.py").write_text("")
    monkeypatch.chdir(home)
    known, unknown = exercise.find_tasks()
    assert known.label == "09_scale/scale"
    assert (unknown.label, unknown.test) == (
        "10_own/two",
        own.resolve() / "test_two.py",
    )


def test_notebooks_are_found_by_the_same_rule(course, tmp_path, monkeypatch):
    (course.root / "notebooks").mkdir()
    (course.root / "notebooks" / "09_scale.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert execute.chapters()["09_scale"].parent == course.root / "notebooks"
    home = workspace(tmp_path / "mine")
    (tmp_path / "mine" / "notebooks").mkdir()
    (tmp_path / "mine" / "notebooks" / "09_scale.ipynb").write_text("{}")
    monkeypatch.chdir(home)
    mine = (tmp_path / "mine").resolve()
    assert execute.chapters()["09_scale"].parent == mine / "notebooks"


def test_paths_are_shown_as_one_would_type_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.short(tmp_path / "a" / "b").parts == ("a", "b")
    assert places.short("/elsewhere/b").is_absolute()
