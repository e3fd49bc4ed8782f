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


@dataclass(frozen=True)
class Part:
    """Some chapters that belong together, in course order."""

    title: str
    about: str
    chapters: list

    @property
    def hours(self):
        """To read and run them, without proofs and exercises."""
        return round(sum(c.minutes[0] for c in self.chapters) / 60)


@functools.cache
def _table():
    return tomllib.loads(TABLE.read_text("utf-8"))


@functools.cache
def every():
    """All chapters, in course order."""
    return [Chapter(**entry) for entry in _table()["chapter"]]


def parts():
    """The parts of the course; each chapter is in one of them."""
    return _joined("part")


def tracks():
    """Ways through the course, each for one kind of reader."""
    return _joined("track")


def _joined(kind):
    found = {chapter.number: chapter for chapter in every()}
    return [
        Part(p["title"], p["about"], [found[number] for number in p["chapters"]])
        for p in _table()[kind]
    ]


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
    tables = []
    for part in parts():
        rows = [c.row for c in part.chapters if (Path(root) / c.notebook).exists()]
        if rows:
            title = f"**{part.title}.** {part.about}\n"
            tables.append("\n".join([title, *head, *rows]) + "\n")
    return "\n".join(tables)


if __name__ == "__main__":
    sys.stdout.write(readme(TABLE.parents[2]))
