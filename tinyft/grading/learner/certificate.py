"""`tinyft certificate`: what a learner has done, as a picture and a page, without a server.

SVG, drawn here (any browser shows it, in the system's fonts), and PDF by matplotlib. It
says what progress.json says; nobody has signed it, and it says that, too.
"""

import io
import unicodedata
from dataclasses import dataclass
from datetime import date
from numbers import Real
from pathlib import Path
from xml.sax.saxutils import escape

import tinyft
from tinyft.grading import files
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import loop

LONGEST = 100  # characters of a name
WIDTH, LINE, TOP = 800, 22, 250
BLUE, GREY = "#0072B2", "#555555"


@dataclass
class Row:
    """A chapter: tasks with full marks, tasks there are, points, points of those graded."""

    chapter: str
    done: int = 0
    tasks: int = 0
    score: float = 0.0
    out_of: float = 0.0

    def text(self):
        """The row's figures."""
        full = f"{self.done} of {self.tasks} tasks"
        return f"{full}, {self.score:g} of {self.out_of:g} points"


def certificate(name, folder=Path(), when=None):
    """Write certificate.svg and certificate.pdf to the folder; their paths.

    name: as it should stand there.  when: a date, today by default. Raises GradingError
    for a name that cannot be set, where nothing has points yet, and for a file that
    cannot be written.
    """
    name, when = checked(name), when or date.today()
    found = rows(loop.standings())
    svg, pdf = Path(folder) / "certificate.svg", Path(folder) / "certificate.pdf"
    files.write(svg, as_svg(name, found, when))
    files.write(pdf, as_pdf(name, found, when))
    return svg, pdf


def checked(name):
    """The name without spaces around it; GradingError for one that cannot be set."""
    name = " ".join(name.split())
    hidden = [c for c in name if unicodedata.category(c) in ("Cc", "Cs", "Cn")]
    if not name or len(name) > LONGEST or hidden:
        raise GradingError(
            f"certificate: a name of 1 to {LONGEST} characters is needed, without control "
            f"characters; got {name[:LONGEST]!r}. Write --name 'Ada Lovelace'"
        )
    return name


def rows(standings):
    """[Row] of the chapters with points; GradingError if there is none."""
    chapters = {}
    for one in standings:
        if not all(isinstance(v, Real) for v in (one.score, one.out_of)):
            raise GradingError(
                f"certificate: the points of {one.task.label} in progress.json are no "
                f"numbers ({one.score!r} of {one.out_of!r}); grade the task again"
            )
        row = chapters.setdefault(one.task.chapter, Row(one.task.chapter))
        row.tasks += 1
        row.done += bool(one.done)
        row.score += one.score
        row.out_of += one.out_of
    found = [row for row in chapters.values() if row.score]
    if not found:
        raise GradingError(
            "certificate: no task has points yet; `tinyft list` shows the tasks, and "
            "`tinyft grade CHAPTER/TASK` grades one"
        )
    return found


def lines(name, found, when):
    """[(text, size, colour)] of everything above the chapters, and of the last line."""
    done, score = (sum(getattr(r, k) for r in found) for k in ("done", "score"))
    head = [
        ("tinyft", 20, BLUE),
        (name, min(34, int(1200 / max(1, width(name)))), "black"),
        (f"{done} graded tasks solved, {score:g} points", 18, "black"),
        (f"in {len(found)} chapters of tinyft {tinyft.__version__}, {when}", 14, GREY),
    ]
    last = (
        "Written on the learner's own machine from progress.json; not signed by anyone."
    )
    return head, (last, 11, GREY)


def width(text):
    """The text's width in halves of an em: wide letters (Chinese) count two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def as_svg(name, found, when):
    """The picture, a text of its own: nothing is loaded, nothing can run in it."""
    head, last = lines(name, found, when)
    height = TOP + LINE * len(found) + 60
    said = f"{name}: " + "; ".join(f"{row.chapter} {row.text()}" for row in found)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif">',
        f"<title>{escape('Certificate of ' + name)}</title><desc>{escape(said)}</desc>",
        f'<rect x="8" y="8" width="{WIDTH - 16}" height="{height - 16}" fill="white" '
        f'stroke="{BLUE}" stroke-width="3"/>',
    ]
    for (text, size, colour), y in zip(head, (60, 115, 165, 195)):
        out.append(_text(WIDTH // 2, y, size, colour, text, "middle"))
    for i, row in enumerate(found):
        y = TOP + LINE * i
        out.append(_text(120, y, 14, "black", row.chapter))
        out.append(_text(WIDTH - 120, y, 14, "black", row.text(), "end"))
    out.append(_text(WIDTH // 2, height - 30, last[1], last[2], last[0], "middle"))
    return "\n".join([*out, "</svg>", ""])


def _text(x, y, size, colour, text, anchor="start"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def as_pdf(name, found, when):
    """The same page as PDF, bytes; GradingError for letters that no font here has."""
    try:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise GradingError(
            'the PDF needs matplotlib: python -m pip install "tinyft[course]"'
        ) from None
    head, last = lines(name, found, when)
    height = TOP + LINE * len(found) + 60
    figure = Figure(figsize=(WIDTH / 100, height / 100))
    FigureCanvasPdf(figure)
    font = {"parse_math": False, "fontfamily": _fonts(name)}

    def put(x, y, text, size, colour, side="center"):
        at = x / WIDTH, 1 - y / height
        figure.text(*at, text, size=0.72 * size, color=colour, ha=side, **font)

    for (text, size, colour), y in zip(head, (60, 115, 165, 195)):
        put(WIDTH / 2, y, text, size, colour)
    for i, row in enumerate(found):
        put(120, TOP + LINE * i, row.chapter, 14, "black", "left")
        put(WIDTH - 120, TOP + LINE * i, row.text(), 14, "black", "right")
    put(WIDTH / 2, height - 30, *last)
    out = io.BytesIO()
    about = {"Title": f"Certificate of {name}", "CreationDate": None}
    figure.savefig(out, format="pdf", metadata=about)
    return out.getvalue()


def _fonts(name):
    """matplotlib's own font and, if it lacks a letter, one of this machine that has it."""
    from matplotlib import font_manager, ft2font

    def lacks(path):
        held = ft2font.FT2Font(path).get_charmap()
        return [c for c in name if not c.isspace() and ord(c) not in held]

    own = font_manager.findfont("DejaVu Sans")
    if not lacks(own):
        return ["DejaVu Sans"]
    for font in font_manager.fontManager.ttflist:
        if Path(font.fname).suffix in (".ttf", ".otf") and not lacks(font.fname):
            return ["DejaVu Sans", font.name]
    raise GradingError(
        f"certificate: no font of this machine has the letters {''.join(lacks(own))!r} "
        "for the PDF; the SVG is written, and a browser prints it"
    )
