"""`tinyft faults`: which faults are made, how trials end, and that ours still apply."""

import ast
import json
import sys
from pathlib import Path

import pytest

from tinyft import cli
from tinyft.course.faults import bench, plant, screen, survey, table, trial
from tinyft.course.run.execute import CourseError

PACKAGE = bench.PACKAGE
LIBRARY = '''
def used(x, w, flag, n=3):
    """Not 1 fault in a docstring."""
    if n < 0:
        raise ValueError(f"n is {n + 1}")
    if flag:
        x = x * 2
    print(sum(range(n), 4))
    return x - w

def unused(x):
    return x + 1

SCALES = {
    "used": lambda n: 2 * n,
    "unused": lambda n: 3 * n,
}

def _check_numbers(n):
    assert n + 1

class Kept:
    limit = 5

    def __repr__(self):
        return str(1 + 1)
'''


@pytest.fixture
def labels(tmp_path):
    """labels(kinds) of all faults of LIBRARY after a run in which `used` was called."""

    def labels(source=LIBRARY, **kinds):
        (tmp_path / "lib.py").write_text(source)
        seen = {"lib.py": {"lines": [*range(3, 10), 15, 20, 27], "names": {"2": kinds}}}
        found = plant.sample(tmp_path, seen, None, seed=0)
        for fault in found:
            ast.parse(fault.text)
            assert fault.file == "lib.py" and fault.line in [*range(3, 11), 15]
        return [fault.label.removeprefix("lib.py used: ") for fault in found]

    return labels


def test_faults_are_made_in_executed_bodies_only(labels):
    found = labels()
    assert "return x - w → return x + w" in found
    assert "x = x * 2 → x = x" in found and "x = x * 2 → x = x * 3" in found
    assert "if flag: → if True:" in found and "if flag: → if False:" in found
    assert any("lambda n: 2 / n" in label for label in found)
    for words in (
        "3 /",
        "n < 0",
        "raise",
        "n + 1",
        "x + 1",
        "Not 1 fault",
        "limit",
        "str(",
    ):
        assert not any(words in label for label in found), words
    assert not any(label.endswith("(nothing)") for label in found)  # print(…) stays
    assert len(found) == len(set(found))


def test_tensors_are_detached_and_confused_arrays_are_confused(labels):
    found = labels(x="tensor (2,)", w="tensor (2,)", n="array (2,)")
    assert "return x - w → return x.detach() - w" in found
    assert "return x - w → return w - w" in found
    assert not any("n.detach()" in label for label in found)
    assert not any("detach" in label or "w - w" in label for label in labels())


def test_arguments_are_swapped_only_between_arrays(labels):
    source = LIBRARY.replace("sum(range(n), 4)", "dot(x, w)")
    swapped = "print(dot(x, w)) → print(dot(w, x))"
    assert labels(source, x="array (2,)", w="array (2,)").count(swapped) == 1
    assert swapped not in labels(source, x="array (2,)", w="array (3,)")


def test_a_draw_is_repeatable_and_takes_statements_first(tmp_path):
    (tmp_path / "lib.py").write_text(LIBRARY)
    seen = {"lib.py": {"lines": list(range(3, 10)), "names": {}}}
    first, again, other = (plant.sample(tmp_path, seen, 4, s) for s in (1, 1, 2))
    assert first == again != other
    # four statements can be changed: `if flag`, `x = …`, `print(…)`, `return …`
    assert sorted(fault.line for fault in first) == [6, 7, 8, 9]


def test_the_watch_sees_lines_and_kinds(tmp_path):
    file = tmp_path / "lib.py"
    cells = [
        (1, f"exec(compile({LIBRARY!r}, {str(file)!r}, 'exec'))"),
        (2, "from tinyft import tensor\nimport numpy as np"),
        (3, "def deep():\n    deep()\ntry:\n    deep()\nexcept RecursionError: pass"),
        (4, "used(tensor(np.ones(2), requires_grad=True), np.ones(2), False)"),
    ]
    watch = trial.Watch([str(file)])
    report = trial.run(cells, watch)
    assert report["kind"] == "passed"
    seen = watch.as_json()[str(file)]
    assert {4, 6, 8, 9} <= set(seen["lines"]) and not {5, 7, 12} & set(seen["lines"])
    assert seen["names"][2] == {"x": "tensor (2,)", "w": "array (2,)"}


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
    monkeypatch.setattr(survey, "GRACE", 5.0)
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
    assert (endless.outcome, endless.said) == ("timeout", "after 5 s")
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
    assert {fault.file for fault in faults} <= set(table.files(path.stem))


def test_every_chapter_has_its_files():
    for chapter in table.FILES:
        assert all((PACKAGE / file).is_file() for file in table.files(chapter)), chapter
    with pytest.raises(CourseError, match="99_none"):
        table.files("99_none")
