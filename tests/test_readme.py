"""What README shows is run: its example, its links, its commands."""

import re
from pathlib import Path

import pytest

from tinyft.course import chapters

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")


def test_the_example_trains_and_merges(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "LoRA" in printed and "trainable 2,048 of" in printed
    first = float(
        names["ops"].cross_entropy(
            names["models"]
            .gpt2_tiny(rng=0, vocab=64)(names["ids"][:, :-1])
            .reshape(-1, 64),
            names["ids"][:, 1:].ravel(),
        )
    )
    assert float(names["loss"]) < first  # it learned something


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_links_exist(target):
    assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_two_commands_stand_as_promised():
    assert 'python -m pip install -e ".[course]" && tinyft course' in TEXT
    assert 'python -m pip install -e ".[test]" && pytest' in TEXT


def test_every_chapter_is_on_the_map():
    """The table is made by `python -m tinyft.course.chapters`."""
    assert chapters.readme(ROOT) in TEXT


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"]
)
def test_files_named_in_the_text_exist(page):
    """`nn/module.py` and `array/` somewhere in the package, others from the top."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.S)
    named = re.findall(r"`((?:\w+/)+(?:\w+\.(?:py|toml|cu|md))?)`", text)
    assert named
    for path in {path for path in named if "NN" not in path}:
        below = (ROOT / folder for folder in ("tinyft", "exercises"))
        assert (ROOT / path).exists() or any(
            list(place.rglob(path.rstrip("/"))) for place in below
        ), path
