"""Every public name of tinyft.transfer and tinyft.evaluation: docs/transfer.md.

python docs/transfer.py          writes the page; a test compares it with the code
"""

import importlib
import inspect
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "transfer.md"
HEAD = """# Transfer and evaluation

What `tinyft.transfer` and `tinyft.evaluation` offer: the first paragraph of each
docstring, the chapter that proves it, and its file. Made by `python docs/transfer.py`; a
test compares the two.

| name | what it is | chapter | file |
| --- | --- | --- | --- |
"""


def chapters():
    """{file in tinyft/: the first chapter that has it}."""
    text = (ROOT / "tinyft" / "course" / "chapters.toml").read_text("utf-8")
    found = {}
    for chapter in tomllib.loads(text)["chapter"]:
        for name in chapter["library"]:
            found.setdefault(name, chapter["name"])
    return found


def rows():
    """A line of the table for each function and class."""
    owners = chapters()
    for package in ("transfer", "transfer.continual", "evaluation"):
        room = importlib.import_module(f"tinyft.{package}")
        for name in sorted(room.__all__):
            value = getattr(room, name)
            if not callable(value):
                continue
            file = Path(inspect.getfile(value)).resolve().relative_to(ROOT / "tinyft")
            first = inspect.getdoc(value).split("\n\n")[0].replace("\n", " ")
            first = first.replace("|", "\\|")
            chapter = owners.get(file.as_posix(), "none yet")
            link = f"[`{file.as_posix()}`](../tinyft/{file.as_posix()})"
            yield f"| `{package}.{name}` | {first} | `{chapter}` | {link} |"


def page():
    """The whole page, as text."""
    return HEAD + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
