"""`tinyft certificate`: an SVG that is XML, a PDF that is one, and names of all kinds."""

from datetime import date
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import tinyft
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import certificate as made

DAY = date(2026, 12, 1)
NAMES = ["Ada Lovelace", "<script>alert('&')</script>", "x" * 100, "$\\alpha$ O'Neill"]


def standing(chapter, score, out_of, done):
    task = SimpleNamespace(chapter=chapter, label=f"{chapter}/task")
    return SimpleNamespace(task=task, score=score, out_of=out_of, done=done)


FOUND = [
    standing("15_lora", 3, 3, True),
    standing("15_lora", 1.5, 4, False),
    standing("16_loha_lokr", 0, 0, False),
    standing("17_qlora", 2, 2, True),
]


@pytest.fixture
def known(monkeypatch):
    """Points as they stand in FOUND."""
    monkeypatch.setattr(made.loop, "standings", lambda: FOUND)


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.text]


@pytest.mark.parametrize("name", NAMES)
def test_both_files_are_whole(known, tmp_path, name):
    """The name comes back letter for letter; no element but those drawn here."""
    svg, pdf = made.certificate(name, tmp_path, DAY)
    root = ElementTree.fromstring(svg.read_text("utf-8"))
    tags = {e.tag.rpartition("}")[2] for e in root.iter()}
    assert tags == {"svg", "title", "desc", "rect", "text"}
    assert name in texts(svg.read_text("utf-8"))
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")


def test_it_says_what_progress_says(known, tmp_path):
    """Two of the tasks are solved, in two chapters; the one without points is not there."""
    found = texts(made.certificate("Ada", tmp_path, DAY)[0].read_text("utf-8"))
    assert "2 graded tasks solved, 6.5 points" in found
    assert f"in 2 chapters of tinyft {tinyft.__version__}, 2026-12-01" in found
    assert "1 of 2 tasks, 4.5 of 7 points" in found
    assert "16_loha_lokr" not in found
    assert any("not signed" in text for text in found)


def test_wide_letters_make_the_line_smaller():
    assert made.width("李小龙") == 6 and made.width("Ada") == 3
    sizes = [made.lines(n, [made.Row("15")], DAY)[0][1][1] for n in ("Ada", "李" * 50)]
    assert sizes == [34, 12]


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 101, "\ud800"])
def test_a_name_that_cannot_be_set(name):
    with pytest.raises(GradingError, match="1 to 100 characters"):
        made.checked(name)


def test_spaces_are_put_in_order():
    assert made.checked("  Ada \n Lovelace ") == "Ada Lovelace"


@pytest.mark.parametrize(
    "found, words",
    [
        ([standing("15_lora", 0, 3, False)], "no task has points yet"),
        ([standing("15_lora", "three", 3, False)], "no numbers .'three' of 3."),
    ],
)
def test_without_points_it_says_what_to_do(monkeypatch, tmp_path, found, words):
    monkeypatch.setattr(made.loop, "standings", lambda: found)
    with pytest.raises(GradingError, match=words):
        made.certificate("Ada", tmp_path)
    assert not list(tmp_path.iterdir())


def test_letters_of_no_font_keep_the_svg(known, tmp_path, monkeypatch):
    """Where no font has them the sentence names the letters, and the SVG is there."""
    from matplotlib import font_manager

    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    with pytest.raises(
        GradingError, match="no font of this machine has the letters '李"
    ):
        made.certificate("李 Ada", tmp_path, DAY)
    assert (tmp_path / "certificate.svg").exists()
    assert not (tmp_path / "certificate.pdf").exists()
