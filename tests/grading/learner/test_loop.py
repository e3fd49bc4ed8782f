"""The learner's loop: list, hint, reset, solution, progress; what cannot be done."""

import pytest

from tinyft.grading import exercise, places
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import loop, progress, screen


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the one that the commands find."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def write(task, text):
    task.answer.write_text(text, encoding="utf-8")


def test_list_shows_points_links_and_the_next_task(home, capsys):
    from rich.console import Console

    screen.list_tasks(Console(force_terminal=True, width=100))
    said = capsys.readouterr().out
    assert home.task.answer.resolve().as_uri() in said  # an OSC 8 hyperlink
    assert "░" * 40 + "  0 of 1 tasks done" in said and "next: " in said
    write(home.task, home.texts.solution)
    assert screen.grade() is True
    capsys.readouterr()
    screen.list_tasks()
    said = capsys.readouterr().out
    assert "█" * 40 + "  1 of 1 tasks done" in said and "3/3" in said
    assert "next: " not in said


def test_the_bar():
    assert screen.bar(1, 4, width=8) == "██░░░░░░  1 of 4 tasks done"


def test_reset_loses_nothing(home):
    task = home.task
    stub = task.answer.read_text(encoding="utf-8")
    assert loop.reset(task) is None  # it is the stub: nothing to keep
    kept = []
    for text in ("first", "second"):
        write(task, text)
        kept.append(loop.reset(task))
        assert task.answer.read_text(encoding="utf-8") == stub
    assert [path.name for path in kept] == ["scale.py.bak", "scale.2.py.bak"]
    assert [path.read_text() for path in kept] == ["first", "second"]
    task.answer.unlink()
    assert loop.reset(task) is None and task.answer.exists()


def test_the_solution_comes_after_full_marks_only(home, capsys):
    with pytest.raises(GradingError, match=r"after full marks; yours has 0 of 3"):
        screen.solution("scale")
    mine = home.texts.solution.replace("c = 2 * n * lam", "c = lam * n * 2  # MINE")
    write(home.task, mine)
    screen.solution("scale")
    said = capsys.readouterr().out
    assert "# MINE" in said and "c = 2 * n * lam" in said
    write(home.task, mine.replace("* 2", "* 3"))  # full marks once are not enough
    with pytest.raises(GradingError, match="after full marks"):
        screen.solution("scale")


def test_only_what_differs_is_shown_and_nothing_of_it_acts_on_the_terminal(
    home, capsys
):
    write(home.task, home.texts.solution + "# \x1b[31m\u202e\n")
    screen.solution("scale")
    said = capsys.readouterr().out
    assert "-# ?[31m?" in said and "import numpy" not in said
    write(home.task, home.texts.solution)
    screen.solution("scale")
    assert "yours is the solution, word for word" in capsys.readouterr().out


def test_a_reset_opens_the_task_again_and_keeps_its_points_as_history(home):
    write(home.task, home.texts.solution)
    assert loop.grade().ok and loop.next_open(loop.standings()) is None
    loop.reset(home.task)
    (standing,) = loop.standings()
    assert (standing.score, standing.out_of, standing.done) == (0, 0, False)
    assert loop.next_open(loop.standings()) == home.task
    row = progress.of(home.task)
    (old,) = row["history"]
    assert (old["score"], old["out_of"]) == (3, 3) and "T" in old["until"]
    loop.reset(home.task)  # never graded since: nothing to keep
    assert progress.of(home.task)["history"] == [old]


def test_a_release_has_no_solution_to_show(home):
    home.task.solution.unlink()
    with pytest.raises(GradingError, match="is not in this copy"):
        screen.solution("scale")


def test_marks_stand_where_progress_cannot_be_written(home, capsys, monkeypatch):
    write(home.task, home.texts.solution)
    (home.root / "progress.json").mkdir()  # cannot be written, not even by root
    monkeypatch.setattr(progress, "read", lambda task: {})
    assert screen.grade() is True
    said = "".join(capsys.readouterr().out.split())  # lines break anywhere in a path
    assert "progress.jsoncannotbewritten" in said and "3of3points" in said


def test_a_folder_without_write_permission_is_told(home, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    write(home.task, "mine")
    monkeypatch.setattr("tinyft.io.atomic.os.replace", refuse)
    with pytest.raises(GradingError, match=r"cannot be written \(.*Permission denied"):
        loop.reset(home.task)
    assert home.task.answer.read_text() == "mine"
    assert [p.name for p in home.task.folder.iterdir() if p.suffix == ".tmp"] == []


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_broken_progress_file_is_told(home, text):
    (home.root / "progress.json").write_text(text)
    with pytest.raises(GradingError, match="is not valid JSON"):
        progress.read(home.task)


def test_a_chapter_is_not_a_task(home):
    (home.task.folder / "test_other.py").write_text("")
    with pytest.raises(GradingError, match="has several tasks; name one"):
        loop.single("09")


def test_the_next_open_task_goes_around(home):
    tasks = [exercise.Task("01_a", name, home.root) for name in "abc"]
    done = {"a": False, "b": True, "c": False}
    found = [loop.Standing(task, 0, 0, done[task.name]) for task in tasks]
    a, b, c = tasks
    assert loop.next_open(found) == a
    assert loop.next_open(found, a) == c and loop.next_open(found, b) == c
    assert loop.next_open(found, c) == a
    assert loop.next_open([loop.Standing(a, 1, 1, True)], a) is None


def test_a_stub_from_a_release_that_the_package_does_not_know(home, tmp_path):
    (home.root / places.MARKER).write_text("")
    home.task.solution.unlink()
    with pytest.raises(GradingError, match="cannot be reset here"):
        loop.reset(home.task)
