"""The site's sources: the committed notebooks, docs and docstrings, laid out for Sphinx.

index, start, cheat_sheet, errata, glossary    docs/site/*.md, tables filled in
chapters/NAME.ipynb                            notebooks/, by part, with a card each
docs/NAME.md                                   docs/, links rewritten
reference/PACKAGE.rst                          the public names
"""

import json
import shutil

import nbformat

from tinyft.course import chapters
from tinyft.course.site import cheat_sheet, errata, links, notebooks, reference, sliders

DOCS = {  # the page's file: its name in the contents, in this order
    "fine_tune_your_own": "Fine-tune your own",
    "methods": "Methods",
    "transfer": "Transfer and evaluation",
    "efficiency": "What fine-tuning costs",
    "performance": "Performance",
    "fast": "The compiled path",
    "gpu": "GPUs",
    "architecture": "Architecture",
    "chapters": "How a chapter is built",
    "grading": "Grading, for instructors",
    "decisions": "Decisions",
}
TOP = (
    "start",
    "chapters/index",
    "cheat_sheet",
    "errata",
    "docs/index",
    "reference/index",
)
CHAPTERS = """# Chapters

In the order of the whole course; [start here](../start.md) has three shorter ways.
"""
GUIDES = """# Guides

What is not a chapter: doing it yourself, what it costs, how tinyft is built.
"""
TOCTREE = """
```{{toctree}}
{options}

{entries}
```
"""


def assemble(root, to, language="en", repository="", paper=False):
    """Write the sources of the site into the empty folder `to`.

    root: a copy of the repository; repository: "owner/name" on GitHub, "" while there is
    none; paper: for PDF and EPUB, without pages of code and notebooks to download
    """
    shutil.copytree(root / "docs" / "site", to, dirs_exist_ok=True)
    (to / "told.json").write_text(json.dumps({"language": language}), "utf-8")
    _extra(to / "extra")
    pages, sources = reference.pages()
    sources = set() if paper else sources
    _chapters(root, to, repository, paper)
    _docs(root, to, sources, repository)
    (to / "reference").mkdir()
    for name, text in pages.items():
        (to / "reference" / f"{name}.rst").write_text(text, "utf-8")
    _fill(to / "start.md", tracks=tracks())
    _fill(to / "cheat_sheet.md", table=cheat_sheet.table())
    _fill(to / "errata.md", errata=errata.page(root))
    _contents(to)


def tracks():
    """The three ways through the book, with the minutes that each takes."""
    made = []
    for track in chapters.tracks():
        rows = [f"**{track.title}** ({track.hours} hours). {track.about}", ""]
        rows += [
            f"{i}. [{c.title}](chapters/{c.name}.ipynb), {c.minutes[0]} minutes"
            for i, c in enumerate(track.chapters, 1)
        ]
        made.append("\n".join(rows))
    return "\n\n".join(made)


def _chapters(root, to, repository, paper):
    for folder in ("chapters", "extra/colab"):
        (to / folder).mkdir(parents=True)
    for chapter in chapters.every():
        notebook = nbformat.read(root / chapter.notebook, as_version=4)
        figures = to / "chapters" / chapter.name
        page = notebooks.page(notebook, chapter, figures, None if paper else repository)
        sliders.insert(page, chapter.number, to / "chapters" / chapter.name)
        nbformat.write(page, to / "chapters" / f"{chapter.name}.ipynb")
        if not paper:
            own = notebooks.for_colab(notebook, repository)
            nbformat.write(own, to / "extra" / "colab" / f"{chapter.name}.ipynb")


def _docs(root, to, sources, repository):
    (to / "docs").mkdir()
    for name in DOCS:
        here = f"docs/{name}.md"
        text = (root / here).read_text("utf-8")
        text = links.rewrite(text, here, sources, repository)
        (to / here).write_text(text, "utf-8")
    for picture in (root / "docs").glob("*.[sp][vn]g"):
        shutil.copy(picture, to / "docs")


def _extra(folder):
    folder.mkdir()
    (folder / ".nojekyll").touch()


def _fill(page, **made):
    text = page.read_text("utf-8")
    for name, value in made.items():
        text = text.replace("{" + name + "}", value)
    page.write_text(text, "utf-8")


def _contents(to):
    """The tables of contents: the whole, the chapters by part, the docs."""
    with (to / "index.md").open("a", encoding="utf-8") as file:
        file.write(_toctree((*TOP, "glossary"), ":hidden:"))
        file.write("".join(_part(part, "chapters/") for part in chapters.parts()))
    text = CHAPTERS
    for part in chapters.parts():
        text += _part(part) + _toctree(
            (c.name for c in part.chapters), f":caption: {part.title}\n:hidden:"
        )
    (to / "chapters" / "index.md").write_text(text, "utf-8")
    entries = (f"{title} <{name}>" for name, title in DOCS.items())
    (to / "docs" / "index.md").write_text(GUIDES + _toctree(entries), "utf-8")


def _toctree(entries, options=":maxdepth: 1"):
    return TOCTREE.format(options=options, entries="\n".join(entries))


def _part(part, folder=""):
    rows = [
        f"- [{c.number} · {c.title}]({folder}{c.name}.ipynb)" for c in part.chapters
    ]
    return "\n".join([f"\n## {part.title}\n\n{part.about}\n", *rows]) + "\n"
