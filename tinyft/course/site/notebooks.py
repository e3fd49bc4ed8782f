"""A chapter's notebook as a page: a card under its title, one h1, figures as files.

Nothing is executed: what the page shows is what the committed notebook holds.
"""

import base64
import copy
import hashlib
import re

import nbformat

from tinyft.course import chapters

CARD = """:::{{admonition}} After this chapter you can
:class: tip
{about}

{links}
:::
"""
GUARDED = """# only where the notebook runs without the repository, such as Colab
import importlib.util
if importlib.util.find_spec("tinyft") is None:
    %pip install -q "tinyft[course] @ git+https://github.com/{repository}"
"""
FOLDED = r"</summary>\n\n\1\n\n</details>"
FENCE = re.compile(r"^(```|~~~)")


def page(notebook, chapter, figures, repository=""):
    """A copy of the executed notebook, made ready for Sphinx.

    notebook: what nbformat reads; figures: an empty folder beside the page, for its
    pictures; repository: "owner/name" on GitHub, "" while there is none, None on paper
    """
    made = copy.deepcopy(notebook)
    several = sum(len(re.findall(r"^# ", c.source, re.M)) for c in texts(made)) > 1
    first = True
    cells = []
    for number, cell in enumerate(made.cells):
        if cell.cell_type == "markdown":
            cell.source = unfold(headings(cell.source, several, first))
            first = False
        elif cell.cell_type == "code":
            cells.append(nbformat.v4.new_markdown_cell(anchor(number)))
            cell.outputs = [_output(o, figures) for o in cell.outputs]
        cells.append(cell)
    title, _, rest = cells[0].source.partition("\n")
    cells[0].source = f"{title}\n\n{card(chapter, repository)}\n{rest}"
    made.cells = cells
    return made


def texts(notebook):
    """Its Markdown cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def anchor(number):
    """What `chapters/NAME.html#cell-12` finds: the notebook's cell 12, counted from 0."""
    return f'<a class="cell" id="cell-{number}"></a>'


def unfold(source):
    """Blank lines inside <details>: what is folded is Markdown, too, formulas included."""
    return re.sub(r"</summary>\s*(.*?)\s*</details>", FOLDED, source, flags=re.S)


def headings(source, several, first):
    """One level down in a notebook with several h1; the page's title stays as it is."""
    lines, fenced = source.split("\n"), False
    for i, line in enumerate(lines):
        fenced ^= bool(FENCE.match(line))
        if several and not fenced and re.match(r"#+ ", line) and not (first and i == 0):
            lines[i] = f"#{line}"
    return "\n".join(lines)


def card(chapter, repository):
    """What a reader can do afterwards, what to read before, and where to run it."""
    goals = "\n".join(f"- {goal}" for goal in chapter.goals)
    about = f"{goals}\n\nAbout **{chapter.minutes[0]} minutes** to read and run. "
    if chapter.needs:
        before = [chapters.one(number) for number in chapter.needs]
        needed = "; ".join(f"[{c.number} · {c.title}]({c.name}.ipynb)" for c in before)
        about += f"Read before: {needed}. "
    about += f"Run it: `tinyft course {chapter.number}`"
    if repository is None:
        return CARD.format(about=about, links="")
    links = [f'<a href="../colab/{chapter.name}.ipynb" download>the notebook</a>']
    if repository:
        branch = f"{repository}/gh-pages/colab/{chapter.name}.ipynb"
        at = branch.replace("/gh-pages/", "/blob/gh-pages/")
        links.append(f"[Colab](https://colab.research.google.com/github/{at})")
        binder = f"{repository}/gh-pages?filepath=colab/{chapter.name}.ipynb"
        links.append(f"[Binder](https://mybinder.org/v2/gh/{binder})")
    return CARD.format(about=about, links="Download or open: " + " · ".join(links))


def for_colab(notebook, repository):
    """The notebook without results, an install cell in front that does nothing at home."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    source = GUARDED.format(repository=repository or "OWNER/tinyft")
    made.cells.insert(0, nbformat.v4.new_code_cell(source, id="install"))
    return made


def _output(output, figures):
    """A picture becomes a file with its alternative text; the rest stays."""
    data = output.get("data", {})
    if "image/png" not in data:
        return output
    picture = base64.b64decode(data["image/png"])
    name = hashlib.sha256(picture).hexdigest()[:16] + ".png"
    figures.mkdir(parents=True, exist_ok=True)
    (figures / name).write_bytes(picture)
    alt = output.metadata["image/png"]["alt"]
    alt = re.sub(r"([\\\[\]*_`$<>|])", r"\\\1", " ".join(alt.split()))
    shown = f"![{alt}]({figures.name}/{name})"
    return nbformat.v4.new_output("display_data", {"text/markdown": shown})
