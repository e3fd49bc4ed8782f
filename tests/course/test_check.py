"""check(): what holds, what does not, what is recorded and shown."""

import json
import math

import numpy as np
import pytest

from tinyft.course import Bound, CheckFailed, check, show
from tinyft.course.check import records


@pytest.fixture(autouse=True)
def log(tmp_path, monkeypatch):
    """Every check of a test goes to its own file."""
    path = tmp_path / "checks.jsonl"
    monkeypatch.setenv("TINYFT_CHECKS", str(path))
    records.clear()
    return path


class Wrapped:
    """Stands for a Tensor: all that check() asks of it is .numpy()."""

    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


HOLDS = [
    (1.0, 1.0 + 2**-40, 2**-40, False, 2**-40),  # the bound itself holds: <=
    (3, 3, 0, False, 0),
    (2**70, 2**70, 0, False, 0),  # beyond float64's integers
    (True, 1, 0, False, 0),
    (math.inf, math.inf, 0, False, 0),
    (1 + 2j, 1 + 5j, 3, False, 3),
    (np.float32(0.5), 0.5, 0, False, 0),
    ([[1.0, 4.0]], [[1.0, 2.0]], 1.0, True, 1.0),  # 2 / max|want| = 2 / 2
    (0.0, 0.0, 0.0, True, 0.0),
    (1.0, 1.0, np.float64(0.5), False, 0),  # a NumPy bound, still a plain True
    (Wrapped(np.ones(3)), np.ones(3), 0, False, 0),
]


@pytest.mark.parametrize("got, want, bound, relative, discrepancy", HOLDS)
def test_holds(got, want, bound, relative, discrepancy):
    assert check("name", got, want, bound, "why", relative=relative) is None
    assert records[-1]["ok"] is True
    assert records[-1]["discrepancy"] == discrepancy


FAILS = [
    (1.0, 1.5, 0.4, "got 1, want 1.5; |got - want| = 0.5 > 0.4"),
    (2**70, 2**70 + 1, 0, "= 1 > 0"),  # equal as floats
    ([1.0, 2.0, 9.0], [1.0, 2.0, 3.0], 1, "got 9, want 3 at [2] of shape (3,)"),
    (math.inf, 1.0, 1, "inf > 1"),
    (math.nan, 1.0, 1, "got is NaN in 1 of 1 entries"),
    ([1.0, 2.0], [1.0, math.nan], 1, "want is NaN in 1 of 2 entries, first at [1]"),
    (np.ones((2, 3)), np.ones((3, 2)), 1, "shape (2, 3) and want (3, 2)"),
    (np.ones(1), 1.0, 1, "shape (1,) and want ()"),
    ([], [], 1, "nothing to compare"),
    ("1.0", 1.0, 1, "not numbers"),
    (None, 1.0, 1, "not numbers"),
    ([[1.0], [1.0, 2.0]], 1.0, 1, "ragged"),
]


@pytest.mark.parametrize("got, want, bound, sentence", FAILS)
def test_fails_with_a_sentence_and_is_recorded(got, want, bound, sentence, log):
    with pytest.raises(CheckFailed) as failed:
        check("λ-name", got, want, bound, "why")
    assert sentence in str(failed.value) and str(failed.value).startswith("λ-name")
    line = json.loads(log.read_text(encoding="utf-8"))
    assert line["ok"] is False and line["name"] == "λ-name" and line["why"] == "why"


def test_failure_is_an_assertion_error():
    with pytest.raises(AssertionError):
        check("name", 1, 2, 0, "why")


def test_every_line_of_the_log_is_strict_json(log):
    def no_constants(name):
        raise AssertionError(f"{name} is not JSON")

    check("a", 1.0, 1.0, 0, "why")
    check("b", math.inf, math.inf, 0, "why")
    with pytest.raises(CheckFailed):
        check("c", math.inf, 1.0, 0, "why")
    lines = log.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line, parse_constant=no_constants) for line in lines]
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert [row["discrepancy"] for row in rows] == [0.0, 0.0, "inf"]


@pytest.mark.parametrize("why", ["", "   ", None])
def test_a_bound_needs_its_reason(why):
    with pytest.raises(ValueError, match="say in `why`"):
        check("name", 1, 1, 1e-12, why)
    with pytest.raises(ValueError, match="say in `why`"):
        Bound(1e-12, why)
    assert records == []


def test_to_the_bit_is_its_own_reason():
    check("bound 0", 1, 1)
    assert (records[-1]["bound"], records[-1]["why"]) == (0.0, "to the bit")
    with pytest.raises(CheckFailed):
        check("bound 0", 1.0, 1.0 + 2**-52)


def test_a_bound_carries_its_reason_and_its_scale():
    tol = Bound(0.5, "half of the largest", relative=True)
    check("2 off, of 4", [4.0, 0.0], [4.0, 2.0], tol)
    assert records[-1]["why"] == "half of the largest" and records[-1]["relative"]
    assert records[-1]["discrepancy"] == 0.5 == tol
    check("another reason", 1.0, 1.0, tol, "said here")
    assert records[-1]["why"] == "said here"


@pytest.mark.parametrize("bound", [-1e-9, math.nan, math.inf, None, True, "1"])
def test_a_bound_is_a_finite_number(bound):
    with pytest.raises(ValueError, match="finite number >= 0"):
        check("name", 1, 1, bound, "why")
    with pytest.raises(ValueError, match="finite number >= 0"):
        Bound(bound, "why")


def test_a_headline_prints_both_numbers_bound_and_reason(capsys):
    check("name", 1.25, 1.5, 0.5, "half a step", headline=True)
    out = capsys.readouterr().out
    for part in ("ok", "name", "got 1.25", "want 1.5", "0.25 <= 0.5", "half a step"):
        assert part in out


def test_a_script_prints_one_line_for_what_holds(capsys):
    check("first", 1.25, 1.5, 0.5, "half a step")
    check("second", 1, 1)
    want = "ok   first: holds at 0.5 of its bound\nok   second: holds exactly\n"
    assert capsys.readouterr().out == want


def test_html_is_escaped():
    check("a < b", 1.0, 1.0, 1, "x & y")
    for page in (show.as_html(records[-1]), show.folded_html(records)):
        assert "a &lt; b" in page and "x &amp; y" in page


class Notebook:
    """Stands for IPython's shell in a kernel: cells end when `end_cell` is called."""

    def __init__(self, monkeypatch):
        self.kernel, self.events, self.pages, self.texts = True, self, [], []
        monkeypatch.setattr(show, "_shell", lambda: self)
        monkeypatch.setattr(show, "fold", show.Fold())
        monkeypatch.setattr(show, "_display", self.display)

    def register(self, event, function):
        """IPython's events: only the end of a cell is asked for."""
        assert event == "post_run_cell"
        self.end_cell = function

    def display(self, page, text):
        """What IPython would show."""
        self.pages.append(page)
        self.texts.append(text)


@pytest.fixture
def notebook(monkeypatch):
    """A notebook whose outputs are collected."""
    return Notebook(monkeypatch)


def test_a_cell_folds_what_holds_beside_its_headline(notebook):
    check("small", 1.0, 1.25, 1.0, "why")
    check("the point", 1, 1, headline=True)
    check("large", 1.0, 1.5, 1.0, "why")
    assert [text.splitlines()[0] for text in notebook.texts] == ["ok   the point"]
    notebook.end_cell()
    assert notebook.texts[1:] == ["ok   2 more hold, worst at 0.5 of its bound: large"]
    page = notebook.pages[1]
    assert "<summary>✓ 2 more hold" in page and "got 1, want 1.25" in page
    check("another cell", 1, 1)
    check("and again", 1, 1)
    notebook.end_cell()
    notebook.end_cell()  # a cell without a check shows nothing
    assert notebook.texts[2:] == ["ok   2 checks hold exactly"]


def test_a_failing_check_is_shown_in_full_at_once(notebook):
    check("before", 1, 1)
    with pytest.raises(CheckFailed):
        check("bad", 1.0, 2.0, 0.5, "why")
    assert notebook.texts[0].startswith("FAIL bad\n     got 1, want 2")
    assert "✗ fails bad" in notebook.pages[0]
    notebook.end_cell()
    assert notebook.texts[1:] == ["ok   before: holds exactly"]


def test_ten_headlines_and_no_more(notebook):
    for i in range(12):
        check(f"point {i}", 1, 1, headline=True)
    assert len(notebook.texts) == 10 and len(records) == 12
    notebook.end_cell()
    assert notebook.texts[10:] == ["ok   2 more hold exactly"]
    check("point 3", 1, 1, headline=True)  # the same cell, run again
    assert notebook.texts[11].startswith("ok   point 3\n")
