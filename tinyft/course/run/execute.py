"""`tinyft course`: execute chapters in fresh kernels and report every check.

ratio = discrepancy / bound   of each check;   a chapter passes when all are <= 1,
no cell raised, and there was at least one check.
"""

import difflib
import json
import platform
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import tinyft
from tinyft.course.show import share
from tinyft.grading import places
from tinyft.io.atomic import atomic_write


class CourseError(Exception):
    """A sentence for the learner: unknown chapter, nothing found, missing package."""


@dataclass
class Result:
    """One executed chapter: its checks in order, its time, and its problem if any."""

    chapter: str
    seconds: float = 0.0
    checks: list = field(default_factory=list)
    problem: str | None = None
    trace: str = ""

    @property
    def ok(self):
        """True when the chapter has no problem of any kind."""
        return self.problem is None

    @property
    def passed(self):
        """How many of the checks hold."""
        return sum(check["ok"] for check in self.checks)


def chapters(root=None):
    """{name: path} of notebooks/NN_name.ipynb and NNb_name.ipynb, in order.

    Looked for under `root`, else where `places.roots()` says; the first with any wins.
    """
    for folder in [Path(root)] if root else places.roots():
        found = sorted((folder / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
        if found:
            return {path.stem: path for path in found}
    return {}


def choose(names, available):
    """The chapters asked for, in course order, as "09", "9", "l2sp" or "09_l2sp"."""
    if not available:
        raise CourseError(
            "no chapter was found: there is no notebooks/NN_name.ipynb here. "
            "`tinyft start FOLDER` makes a workspace with them; run this inside it"
        )
    wanted = {_one(name, available) for name in names} or set(available)
    return [name for name in available if name in wanted]


def _one(name, available):
    stem = Path(name).stem if name.endswith(".ipynb") else name.strip("/")
    for full in available:
        number, _, word = full.partition("_")
        if stem in (full, number, word) or stem.zfill(2) == number:
            return full
    words = [*available, *(full.partition("_")[2] for full in available)]
    near = difflib.get_close_matches(stem, words, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "there are: "
    listed = "" if near else ", ".join(available)
    raise CourseError(f"there is no chapter {name!r}; {hint}{listed}")


def run_chapter(path, out, seconds=600, on_cell=None):
    """Execute one notebook, save its executed copy and HTML under `out`: a Result."""
    import nbformat

    from tinyft.course.run import kernel
    from tinyft.course.run.page import to_html

    result, began = Result(path.stem), time.perf_counter()
    notebook = _read(path, result)
    if notebook is None:
        return result
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        log = Path(scratch) / "checks.jsonl"
        outcome = kernel.execute(notebook, path.parent, log, seconds, on_cell)
        result.checks = read_checks(log)
    result.seconds = time.perf_counter() - began
    result.trace = re.sub(r"\x1b\[[0-9;]*m", "", outcome.trace)
    result.problem = diagnose(result.checks, outcome.problem)
    write_atomically(out / f"{path.stem}.ipynb", nbformat.writes(notebook))
    write_atomically(out / f"{path.stem}.html", to_html(notebook, path.stem))
    return result


def _read(path, result):
    import nbformat

    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        return nbformat.validator.normalize(notebook)[1]
    except Exception as error:  # nbformat raises many kinds; each means the same here
        reason = str(error).strip().splitlines()[0] if str(error) else type(error)
        result.problem = f"{path.name} is not a readable notebook: {reason}"


def read_checks(log):
    """The records that check() appended, in order."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def diagnose(checks, problem):
    """One sentence on why the chapter does not pass, or None."""
    failed = [check for check in checks if not check["ok"]]
    if failed:
        names = "; ".join(check["name"] for check in failed)
        return f"{len(failed)} of {len(checks)} checks failed: {names}"
    if problem:
        return problem
    return (
        None if checks else "no check() was made: a chapter proves at least one thing"
    )


def ratio(checks):
    """The worst discrepancy/bound of a list of checks; None when none was measured."""
    ratios = [used for used in map(share, checks) if used is not None]
    return max(ratios, default=None)


def write_atomically(path, text):
    """Write a text whole or not at all; its folder is made when it is not there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text)


def as_json(results):
    """The whole run as plain data: chapters with their seconds, every check."""
    return {
        "tinyft": tinyft.__version__,
        "python": platform.python_version(),
        "platform": sys.platform,
        "ok": bool(results) and all(result.ok for result in results),
        "seconds": round(sum(result.seconds for result in results), 3),
        "chapters": [_chapter_json(result) for result in results],
        "checks": [
            {"chapter": result.chapter} | check
            for result in results
            for check in result.checks
        ],
    }


def _chapter_json(result):
    worst = ratio(result.checks)
    return {
        "chapter": result.chapter,
        "seconds": round(result.seconds, 3),
        "ok": result.ok,
        "passed": result.passed,
        "checks": len(result.checks),
        "worst": str(worst) if worst == float("inf") else worst,
        "problem": result.problem,
    }
