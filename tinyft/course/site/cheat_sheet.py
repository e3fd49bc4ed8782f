"""The cheat sheet: every method on one printed page, made from the registry.

Formula and counts are the registry's, memory is efficiency.plan's, and what to set comes
from docs/site/what_to_set.toml, which names the chapter that measured it.
"""

import tomllib
from pathlib import Path

from tinyft import efficiency, peft
from tinyft.course import chapters

MODEL, LENGTH = "llama-7b", 512
HEAD = ["method", "formula", "numbers per site", "GB", "merges", "what to set"]
ROOT = Path(__file__).resolve().parents[3]
SETTINGS = ROOT / "docs" / "site" / "what_to_set.toml"


def table():
    """The table as Markdown, in the order of what_to_set.toml."""
    rows = [HEAD, ["---"] * len(HEAD), *map(_row, settings().items())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def settings():
    """{method: {"set": words, "chapter": number, "plan": its name there}}"""
    return tomllib.loads(SETTINGS.read_text("utf-8"))


def _row(item):
    name, about = item
    cls = getattr(peft, name, None)
    cell = {"formula": "", "counts": "", "mergeable": False}
    if isinstance(cls, type):
        cell = {key: getattr(cls, key) for key in cell}
    cell |= {key: about[key] for key in cell if key in about}
    chapter = chapters.one(about["chapter"])
    link = f"[{name}](chapters/{chapter.name}.ipynb)"
    merges = about.get("merges") or ("yes" if cell["mergeable"] else "no")
    words = [
        link,
        cell["formula"],
        cell["counts"],
        gigabytes(about),
        merges,
        about["set"],
    ]
    return [word.replace("|", "\\|") for word in words]


def gigabytes(about):
    """Memory of a training step of a 7B model, "–" where the planner has no such method."""
    if "plan" not in about:
        return "–"
    plan = efficiency.plan(
        MODEL, about["plan"], length=LENGTH, **about.get("options", {})
    )
    return f"{plan.total / 1e9:.1f}"
