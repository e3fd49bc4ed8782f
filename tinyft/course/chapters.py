"""The chapters as chapters.toml lists them: what each teaches, needs and consists of.

one("15").library     ["peft/methods/lora.py", ...], relative to the package
python -m tinyft.course.chapters        the table in README.md
"""

import functools
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Chapter:
    """One entry of chapters.toml; the fields are explained at its head."""

    number: str
    name: str
    title: str
    teaches: str
    needs: list
    minutes: list
    library: list
    tests: list
    goals: list
    methods: list

    @property
    def notebook(self):
        """Its notebook, relative to the repository."""
        return f"notebooks/{self.name}.ipynb"

    @property
    def row(self):
        """Its row in the README's table."""
        start = self.library[0]
        links = f"[`{self.name}`]({self.notebook})", f"[`{start}`](tinyft/{start})"
        return f"| {links[0]} | {self.teaches} | {links[1]} |"


@functools.cache
def every():
    """All chapters, in course order."""
    entries = tomllib.loads(TABLE.read_text("utf-8"))["chapter"]
    return [Chapter(**entry) for entry in entries]


def one(key):
    """The chapter of a number ("15b") or name ("15b_lora_variants")."""
    for chapter in every():
        if key in (chapter.number, chapter.name):
            return chapter
    known = ", ".join(chapter.name for chapter in every())
    raise LookupError(f"no chapter {key!r} in {TABLE.name}; it has {known}")


def readme(root):
    """The README's table of the chapters whose notebook is in `root`."""
    head = ["| chapter | what it teaches | library file |", "|---|---|---|"]
    rows = [c.row for c in every() if (Path(root) / c.notebook).exists()]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(readme(TABLE.parents[2]))
