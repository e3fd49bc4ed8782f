"""The rooms of tinyft, read from its imports: docs/rooms.svg.

    python docs/rooms.py          writes the drawing; a test compares it with the code

FLOORS says which rooms (folders) lie at one height. A file may import from its own room
and from the floors below; tests/test_architecture.py holds every import against it.
"""

import ast
import html
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tinyft"
FLOORS = [  # from the bottom up; rooms of one floor do not know each other
    ["later"],
    ["backend"],
    ["kernels/compiled"],
    ["kernels", "quantise"],
    ["io"],
    ["autograd", "data", "pretrained"],
    ["ops", "data/public"],
    ["ops/blocked"],
    ["ops/array"],
    ["ops/neural"],
    ["ops/recurrent"],
    ["ops/composed"],
    ["ops/cuda"],
    ["ops/compiled"],
    ["nn"],
    ["nn/layers"],
    ["nn/packed"],
    ["transfer/norms", "transfer/multitask"],
    ["models", "peft", "transfer", "objectives", "evaluation", "optim"],
    ["models/classic", "models/vision", "transfer/continual", "transfer/merging"],
    ["peft/methods", "io/huggingface"],
    [
        "peft/methods/orthogonal",
        "peft/methods/starts",
        "peft/methods/steps",
        "peft/methods/structured",
    ],
    ["peft/huggingface/codecs", "io/llamacpp", "io/huggingface/vision"],
    ["peft/huggingface"],
    ["efficiency/ledger"],
    ["efficiency"],
    ["training/across", "training/checks"],
    ["training"],
    ["grading"],
    ["grading/sandbox"],
    ["grading/check"],
    ["grading/judging"],
    ["grading/proof", "grading/classroom"],
    ["grading/learner"],
    ["course"],
    ["course/lessons", "course/run"],
    ["course/site"],
    [
        "course/lessons/foundations",
        "course/lessons/transfer",
        "course/lessons/layers",
        "course/lessons/safeguards",
        "course/lessons/peft",
        "course/lessons/prompts",
    ],
    [
        "course/lessons/quantise",
        "course/lessons/efficiency",
        "course/lessons/real",
        "course/lessons/language",
        "course/lessons/pretraining",
        "course/lessons/answers",
        "course/lessons/life",
        "course/lessons/scaling",
        "course/lessons/several",
        "course/lessons/alignment",
    ],
    ["course/lessons/more_tokens"],
    ["course/faults"],
    ["commands"],
    ["cli"],
    ["__main__"],
]
HEIGHT = {room: i for i, floor in enumerate(FLOORS) for room in floor}


def module_name(path):
    """tinyft/ops/array/unary.py as tinyft.ops.array.unary; a folder by its own name."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def room_of(name):
    """The folder a module lies in; a file beside the folders is a room of its own."""
    folder = FILES[name].parent.relative_to(PACKAGE).as_posix()
    return folder if folder != "." else name.rpartition(".")[2]


def imported(tree):
    """Every module name an import in the file can mean, at any depth of nesting."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def uses(name):
    """The modules of tinyft that a module imports."""
    found = set()
    for target in imported(TREES[name]):
        while target and target not in FILES:
            target = target.rpartition(".")[0]
        if target not in ("", "tinyft", name):
            found.add(target)
    return found


def rooms():
    """{room: the rooms it imports from}, its own not counted."""
    found = {room_of(name): set() for name in FILES if name != "tinyft"}
    for name in FILES:
        if name != "tinyft" and not FILES[name].name == "__init__.py":
            found[room_of(name)] |= {room_of(other) for other in uses(name)}
    return {
        room: sorted(others - {room}, key=lambda other: (HEIGHT[other], other))
        for room, others in found.items()
    }


# --- the drawing ----------------------------------------------------------------------

WIDTH, GAP, LINE = 960, 10, 15  # pixels: the drawing, between boxes, a line of text


def purpose(room):
    """The first line of the room's docstring, without its layer number."""
    path = PACKAGE / room / "__init__.py"
    text = ast.get_docstring(TREES[module_name(path)]) if path.exists() else None
    text = text or ast.get_docstring(TREES[f"tinyft.{room}"]) or ""
    first = re.sub(r"^L\d[:,] ", "", text.partition("\n")[0])
    return first[:1].upper() + first[1:]


def wrapped(text, width):
    """Lines of at most `width` characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def box(room, others, x, y, width, height):
    """One room: its name, what it is for, and what it imports."""
    letters = int(width / 6.4)
    rows = [(f"tinyft/{room}", "name")]
    rows += [(line, "what") for line in wrapped(purpose(room), letters)]
    rows += [(line, "uses") for line in wrapped("uses " + ", ".join(others), letters)]
    rows = rows if others else [row for row in rows if row[1] != "uses"]
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
    for i, (line, kind) in enumerate(rows):
        at = f'x="{x + 8}" y="{y + 18 + i * LINE}"'
        yield f'<text class="{kind}" {at}>{html.escape(line)}</text>'


def lines_of(room, others, width):
    letters = int(width / 6.4)
    used = len(wrapped("uses " + ", ".join(others), letters)) if others else 0
    return 1 + len(wrapped(purpose(room), letters)) + used


def drawing():
    """The SVG: one row per floor, the lowest at the bottom."""
    graph, y, parts = rooms(), GAP, []
    for floor in reversed(FLOORS[1:-1]):
        here = [room for room in floor if room in graph]
        width = (WIDTH - GAP * (len(here) + 1)) // max(1, len(here))
        height = 10 + LINE * max(lines_of(room, graph[room], width) for room in here)
        for i, room in enumerate(here):
            parts += box(room, graph[room], GAP + i * (width + GAP), y, width, height)
        y += height + GAP
    style = (
        "rect{fill:#f4f6f8;stroke:#9aa5b1} text{font:12px sans-serif;fill:#1f2933}"
        " .name{font-weight:bold} .uses{fill:#52606d;font-style:italic}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}">'
    ground = f'<rect width="{WIDTH}" height="{y}" style="fill:#fff;stroke:none"/>'
    return "\n".join([head, f"<style>{style}</style>", ground, *parts, "</svg>", ""])


if __name__ == "__main__":
    (ROOT / "docs" / "rooms.svg").write_text(drawing(), encoding="utf-8")
