"""Finding exercises, stubs from solutions, wrong answers, progress, the screens."""

import json

import pytest

from tinyft.grading import exercise
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import progress, screen


@pytest.fixture
def home(chapter, monkeypatch):
    """The throw-away chapter as the one that the commands find."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)
    return chapter


def test_the_stub_is_the_solution_without_its_blocks(chapter):
    stub = chapter.task.answer.read_text(encoding="utf-8")
    before, block, after = chapter.texts.solution.partition("    c = 2 * n * lam\n")
    said = "not implemented yet: scale, equation (9.4)"
    assert stub == before + f'    raise NotImplementedError("{said}")\n'
    assert block and after and not exercise.drifted(chapter.task)
    chapter.task.answer.write_text(stub + "# edited\n", encoding="utf-8")
    assert exercise.drifted(chapter.task)


def test_each_block_is_named_after_its_def():
    source = (
        "class A:\n    def f(self):\n        # YOUR CODE\n        pass\n"
        "        # END YOUR CODE\n\n    def g(self):\n        x = 1\n"
        "        # YOUR CODE: (1)\n        x = 2\n        # END YOUR CODE\n"
        "        return x\n"
    )
    stub = exercise.stub_from(source)
    assert 'raise NotImplementedError("not implemented yet: f")' in stub
    assert 'raise NotImplementedError("not implemented yet: g, (1)")' in stub
    assert stub.count("# YOUR CODE") == 2 and "END" not in stub and "x = 2" not in stub
    assert stub.endswith("        return x\n")


@pytest.mark.parametrize(
    "source, sentence",
    [
        ("x = 1\n", "it has none"),
        ("def f():\n    # YOUR CODE\n    pass\n", "the END line is missing"),
        ("def f():\n    # YOUR CODE\n    # YOUR CODE\n    pass\n", "inside"),
    ],
)
def test_markers_that_do_not_match_are_told(source, sentence):
    with pytest.raises(GradingError, match=sentence):
        exercise.stub_from(source)


def test_wrong_answers_apply_exactly_once(chapter):
    names = [name for name, _ in exercise.wrong_answers(chapter.task)]
    assert len(names) == 5 and names[0] == "n·λ instead of 2n·λ"
    task = chapter.make(wrong='WRONG = {"scale": [("name", "n", "m")]}')
    with pytest.raises(GradingError, match=r"occurs .* times in solutions/scale.py"):
        exercise.wrong_answers(task)
    task = chapter.make(wrong='WRONG = {"scale": [("name", "zzz", "m")]}')
    with pytest.raises(GradingError, match="'zzz' occurs 0 times"):
        exercise.wrong_answers(task)


@pytest.mark.parametrize(
    "wanted",
    [[], ["09"], ["9"], ["scale"], ["09_scale/scale"], ["exercises/09_scale/"]],
)
def test_ways_to_name_a_task(chapter, wanted):
    assert exercise.choose(wanted, [chapter.task]) == [chapter.task]


def test_unknown_names_and_no_exercises_are_told(chapter, tmp_path):
    with pytest.raises(GradingError, match=r"did you mean .*scale"):
        exercise.choose(["scael"], [chapter.task])
    with pytest.raises(GradingError, match="tinyft list shows them all"):
        exercise.choose(["zzz"], [chapter.task])
    with pytest.raises(GradingError, match="no exercise was found"):
        exercise.choose([], [])


def test_broken_toml_is_told(chapter):
    (chapter.task.folder / "hints.toml").write_text("[scale", encoding="utf-8")
    with pytest.raises(GradingError, match=r"hints.toml is not valid TOML"):
        exercise.find_tasks(chapter.root)


def test_main_writes_the_stubs(chapter, capsys):
    chapter.task.answer.unlink()
    exercise.main([chapter.task.folder])
    assert not exercise.drifted(chapter.task)
    assert "scale.py" in capsys.readouterr().out


def test_hints_come_in_steps(home, capsys):
    counts = []
    for _ in range(4):
        screen.hint("scale")
        said = capsys.readouterr().out
        counts.append(sum(f" {i}. " in said for i in (1, 2, 3)))
    assert counts == [1, 2, 3, 3] and "that was the last hint" in said


def test_grade_list_and_progress(home, capsys):
    assert screen.grade(["scale"], json=home.root / "out" / "r.json") is False
    said = capsys.readouterr().out
    assert (
        "not implemented yet: scale, equation (9.4)" in said and "0 of 3 points" in said
    )
    home.task.answer.write_text(home.texts.solution, encoding="utf-8")
    assert screen.grade([], json=home.root / "out" / "r.json") is True
    data = json.loads((home.root / "out" / "r.json").read_text(encoding="utf-8"))
    assert (data["score"], data["out_of"]) == (3, 3)
    assert [check["points"] for check in data["tasks"][0]["checks"]] == [2, 1]
    assert progress.read(home.task) == {"09_scale/scale": {"score": 3, "out_of": 3}}
    screen.list_tasks()
    said = capsys.readouterr().out
    assert "3/3" in said and "1 of 1 tasks done" in said


def test_reset_keeps_the_learners_text(home, capsys):
    home.task.answer.write_text("mine", encoding="utf-8")
    screen.reset("scale")
    assert not exercise.drifted(home.task)
    assert home.task.answer.with_name("scale.py.bak").read_text() == "mine"
    assert "kept in" in capsys.readouterr().out


def test_sentences_for_what_cannot_be_done(home):
    home.task.solution.unlink()
    with pytest.raises(GradingError, match="cannot be reset here"):
        screen.reset("scale")
    (home.root / "progress.json").write_text("{", encoding="utf-8")
    with pytest.raises(GradingError, match="is not valid JSON"):
        screen.hint("scale")
    home.make(hints="[scale]\n")
    with pytest.raises(GradingError, match="has no hints"):
        screen.hint("scale")


def test_a_folder_that_cannot_be_written_is_told(home, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("tinyft.io.atomic.os.replace", refuse)
    with pytest.raises(GradingError, match=r"progress.json cannot be written"):
        screen.hint("scale")
