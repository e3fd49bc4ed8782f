"""What learners are told, in their language."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinyft
from tinyft.grading import words
from tinyft.grading.check.compare import Failed, compare
from tinyft.grading.classroom import report
from tinyft.grading.results import Report

PACKAGE = Path(tinyft.__file__).parent
ROOT = PACKAGE.parent


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("TINYFT_LANGUAGE", "zh_CN")


def constants():
    """Every text in the code that speaks to a learner, white space evened out."""
    folders = PACKAGE / "grading", PACKAGE / "commands", ROOT / "exercises"
    for folder in folders:
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield " ".join(node.value.split())


def test_english_is_left_as_it_is(monkeypatch):
    monkeypatch.delenv("TINYFT_LANGUAGE", raising=False)
    assert words.told("3 of 5 points") == "3 of 5 points"


def test_a_sentence_is_translated_with_what_stands_in_it(chinese):
    assert words.told("3 of 5 points") == "得分 3 / 5"
    assert words.told("      See equation (9.4).") == "      见公式 (9.4)。"
    assert words.told("2 more: the same command again") == "还有 2 条：再次运行同一命令"


def test_sentences_of_a_line_are_translated_one_by_one(chinese):
    given = "The answer is wrong. Nobody translated this. See equation (9.4)."
    assert words.told(given) == "答案不对。 Nobody translated this. 见公式 (9.4)。"


def test_what_a_wrong_answer_is_told(chinese):
    with pytest.raises(Failed) as failed:
        compare(6.0, 3.0, {"α for α/r": lambda: 6.0}, equation="(15.1)")
    said = words.told(failed.value.message)
    assert said == "你的答案是对的，只差这个错误：α for α/r。 见公式 (15.1)。"


def test_a_report_is_shown_in_the_language(chinese):
    shown = [text for text, _ in report.lines(Report([], problem="nothing"))]
    assert shown[0] == "得分 0 / 0"


def test_an_unknown_language_is_refused(monkeypatch):
    monkeypatch.setenv("TINYFT_LANGUAGE", "xx")
    with pytest.raises(LookupError, match="speaks en, zh_CN"):
        words.told("3 of 5 points")


@pytest.mark.parametrize("language", sorted(words.table()))
def test_every_template_is_what_the_code_says(language):
    """A sentence that was changed in the code would silently stay English."""
    said = "\n".join(constants())
    for template, made in words.table()[language].items():
        assert sorted(words.NAME.findall(template)) == sorted(words.NAME.findall(made))
        for piece in words.NAME.split(template)[::2]:
            piece = re.sub(r"^[^a-zA-Z]+|[^a-zA-Z`]+$", "", piece)
            assert piece in said, (template, piece)


def test_the_command_line_speaks_it(chinese):
    command = [sys.executable, "-m", "tinyft", "--help"]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0 and "你的练习" in ran.stdout
