"""grade() in a notebook: an HTML table in a kernel, text elsewhere."""

import nbformat
import pytest

from tinyft.course import grade
from tinyft.course.run import execute

CHECK = """from tinyft.grading import compare


def test_one(student):
    \"\"\"It is < 2.\"\"\"
    compare(student.one(), 1.0, {"two": 2.0}, equation="(1.1)")
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """One tiny task in a course of its own."""
    folder = tmp_path / "exercises" / "01_tiny"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("def one():\n    return 2.0\n")
    (folder / "test_one.py").write_text(CHECK)
    monkeypatch.setenv("TINYFT_HOME", str(tmp_path))
    return tmp_path


def test_text_outside_of_a_notebook(home, capsys):
    assert grade("01_tiny") is None
    said = capsys.readouterr().out
    assert (
        "01_tiny/one" in said and "with this mistake: two. See equation (1.1)" in said
    )
    assert "0 of 1 points" in said and (home / "progress.json").exists()


def test_a_table_in_a_notebook(home):
    cells = ["from tinyft.course import check, grade", "grade('tiny')"]
    cells.append("check('a check', 1, 1, 0, 'exact')")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    (home / "notebooks").mkdir()
    nbformat.write(notebook, home / "notebooks" / "01_tiny.ipynb")
    (path,) = execute.chapters(home).values()
    result = execute.run_chapter(path, home / "out", 60)
    assert result.ok, result.problem
    done = nbformat.read(home / "out" / "01_tiny.ipynb", as_version=4)
    (shown,) = done.cells[1].outputs
    page, text = shown["data"]["text/html"], shown["data"]["text/plain"]
    assert "<table" in page and "It is &lt; 2" in page and "0/1" in page
    assert "with this mistake: two" in page and "with this mistake: two" in text
