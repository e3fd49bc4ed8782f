"""The page of common mistakes: the claim, the right form, what a cell printed about it."""

import re
import tomllib

import nbformat

from tinyft.course import chapters

WRAPPED = 55  # characters: a longer line may go on in the next
ENTRY = """## {number}. {claim}

{right}

[Chapter {chapter}](chapters/{name}.ipynb), in
<a href="chapters/{name}.html#cell-{cell}">this cell</a>:

```text
{quoted}
```
"""


def page(root):
    """The entries as Markdown, numbered; root: a copy of the repository."""
    found = entries(root)
    return "\n".join(ENTRY.format(number=i, **e) for i, e in enumerate(found, 1))


def entries(root):
    """docs/site/errata.toml with the cell and the lines that each `shows` finds.

    Raises LookupError for an entry that no result of its chapter's notebook shows.
    """
    text = (root / "docs" / "site" / "errata.toml").read_text("utf-8")
    made = []
    for entry in tomllib.loads(text)["erratum"]:
        chapter = chapters.one(entry["chapter"])
        notebook = nbformat.read(root / chapter.notebook, as_version=4)
        cell, quoted = _shown(notebook, entry["shows"], chapter.name)
        made.append({**entry, "name": chapter.name, "cell": cell, "quoted": quoted})
    return made


def _shown(notebook, pattern, name):
    for number, cell in enumerate(notebook.cells):
        for line, head in _lines(cell):
            if re.search(pattern, line):
                return number, "\n".join([*head, _plain(line)])
    raise LookupError(f"errata.toml: no result in {name} has a line like {pattern!r}")


def _lines(cell):
    """(line, the table's head above it) of everything that a code cell has shown."""
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        text = (
            data.get("text/markdown")
            or data.get("text/plain")
            or output.get("text", "")
        )
        if "image/png" in data or text.startswith("```"):
            continue
        lines = text.split("\n")
        rule = next(
            (i for i, x in enumerate(lines) if re.match(r"\|[ :|-]+\|$", x)), None
        )
        for i, line in enumerate(lines):
            in_table = rule is not None and i > rule and line.startswith("|")
            yield _joined(lines, i), [_plain(lines[rule - 1])] if in_table else []


def _joined(lines, i):
    """A printed sentence may be broken over long lines: up to its full stop."""
    line = lines[i]
    for before, more in zip(lines[i:], lines[i + 1 : i + 3], strict=False):
        if not WRAPPED <= len(before) <= 2 * WRAPPED or line.endswith((".", ".**")):
            break
        line = f"{line} {more}"
    return line


def _plain(line):
    cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
    text = "  ·  ".join(cells).strip()
    return re.sub(r"^\*([^*].*)\*$", r"\1", re.sub(r"\*\*(.+?)\*\*", r"\1", text))
