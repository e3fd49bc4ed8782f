"""course/chapters.toml says what is there: notebooks, exercises, files, README."""

import ast
import json
import re
from pathlib import Path

import pytest

import tinyft
from tinyft.course import chapters
from tinyft.peft.delta import registry

PACKAGE = Path(tinyft.__file__).parent
ROOT = PACKAGE.parent
SECOND = {  # their exercises are with the first notebook
    "02b_transformer_blocks",
    "08b_feature_drift",
    "15b_lora_variants",
    "23b_more_tokens",
}
LIBRARY = {  # PyTorch's shorter name; what the file measures or holds
    "01_optimisers": "optim",
    "07_which_layers": "frequency",
    "16_loha_lokr": "loha",
    "17_qlora": "packed",  # what the weights are
    "20_four_paradigms": "naive_bayes",
    "23_instruction_tuning": "instruction",
    "27_merging_models": "soups",
    "23b_more_tokens": "sampling",
    "24_preferences": "preference",
    "21_continued_pretraining": "language",  # what is trained on
    "30_scaling_out": "parallel",
    "29_real_models": "gguf",  # the file of one of them
}
EVERY = chapters.every()
each = pytest.mark.parametrize("chapter", EVERY, ids=lambda c: c.name)


def heading(chapter):
    notebook = json.loads((ROOT / chapter.notebook).read_text("utf-8"))
    return "".join(notebook["cells"][0]["source"])


def test_the_table_is_in_order_and_needs_come_first():
    seen = []
    for c in chapters.every():
        assert c.name.startswith(f"{c.number}_") and re.fullmatch(
            r"\d\d[b-z]?", c.number
        )
        assert not seen or seen[-1] < c.number
        assert set(c.needs) <= set(seen), c.name
        assert c.goals and c.methods and len(c.minutes) == 2
        seen.append(c.number)


def test_notebooks_and_exercises_are_the_tables():
    names = {c.name for c in EVERY}
    for folder, want in (("notebooks", names), ("exercises", names - SECOND)):
        found = {p.stem for p in (ROOT / folder).glob("[0-9][0-9]*_*")}
        assert found == want, folder


@each
def test_its_files_are_there(chapter):
    for file in chapter.library:
        assert (PACKAGE / file).is_file(), file
    for file in chapter.tests:
        assert (ROOT / "tests" / file).is_file(), file


@each
def test_its_notebook_opens_with_its_title_and_time(chapter):
    text = heading(chapter)
    assert text.startswith(f"# {chapter.number} · {chapter.title}\n")
    sentence = text[text.index("**Time") :].partition("to run")[0]
    told = [int(number) for number in re.findall(r"\d+", sentence)]
    assert told[0] <= chapter.minutes[0] <= sum(told)


@each
def test_one_name_everywhere(chapter):
    """Chapter, library and tests carry one name; 15b goes with 15."""
    if not chapter.number.isdigit():
        return
    topic = chapter.name.partition("_")[2]
    stem = LIBRARY.get(chapter.name, topic)
    parts = {Path(part).stem for file in chapter.library for part in file.split("/")}
    assert stem in parts and f"test_{topic}" in {Path(t).stem for t in chapter.tests}


def test_a_file_belongs_to_one_chapter():
    files = [file for c in chapters.every() for file in c.library]
    assert sorted(set(files)) == sorted(files)


@pytest.mark.parametrize("name", sorted(registry))
def test_a_methods_chapter_lists_its_file(name):
    cls = registry[name]
    file = cls.__module__.removeprefix("tinyft.").replace(".", "/") + ".py"
    (owner,) = (c for c in chapters.every() if file in c.library)
    assert owner.number[:2] == cls.chapter[:2]


def test_every_methods_file_belongs_to_a_chapter():
    listed = {file for c in chapters.every() for file in c.library}
    for path in (PACKAGE / "peft" / "methods").glob("[a-z]*.py"):
        assert f"peft/methods/{path.name}" in listed


def test_an_unknown_chapter_is_a_sentence():
    assert chapters.one("15b").name == "15b_lora_variants"
    assert chapters.one("09_l2sp").number == "09"
    with pytest.raises(LookupError, match=r"no chapter '77' .* it has 00_autograd"):
        chapters.one("77")


def silent_tries(source):
    """try statements of a cell that say nothing if the error does not come."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Try):
            continue
        inside = [x for part in node.body for x in ast.walk(part)]
        handled = [x for part in node.handlers for x in ast.walk(part)]
        speaks = any(isinstance(x, ast.Raise) for x in inside)
        names = {
            x.func.id for x in inside if isinstance(getattr(x, "func", 0), ast.Name)
        }
        counted = any(isinstance(x, ast.AugAssign | ast.Return) for x in handled)
        kept = any(getattr(x, "attr", "") == "append" for x in handled)
        if not (speaks or "check" in names or counted or kept):
            yield node


@each
def test_a_refusal_that_does_not_come_is_an_error(chapter):
    """A cell that shows an error fails where the library no longer raises it."""
    notebook = json.loads((ROOT / chapter.notebook).read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            assert not list(silent_tries(source)), source


def test_a_silent_try_would_be_seen():
    assert list(silent_tries("try:\n    f()\nexcept ValueError as e:\n    print(e)"))
    loud = (
        "try:\n    f()\n    raise AssertionError\nexcept ValueError as e:\n    print(e)"
    )
    assert not list(silent_tries(loud))
