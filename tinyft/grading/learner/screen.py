"""What `tinyft grade`, `list`, `hint`, `reset` and `solution` show."""

import difflib
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from tinyft.grading import files, places
from tinyft.grading.check.explain import clean
from tinyft.grading.classroom import report
from tinyft.grading.learner import loop
from tinyft.grading.words import told


def grade(wanted=(), student="", json=None, csv=None, gradescope=None, **submission):
    """Grade, print every check, write what is asked for; True on full marks.

    submission: folder, whose files are graded instead of the learner's own, secret,
    no_fence.  A file that is asked for is written in any case, also when nothing could
    be graded, and always after the last process of an answer has ended.
    """
    folder = submission.pop("folder", None)
    try:
        found = _found(wanted, student, folder, **submission)
    except Exception as error:
        sentence = str(error.args[0] if error.args else error)
        _write(report.Report([], student, problem=sentence), json, csv, gradescope)
        raise
    console = Console()
    for text, style in report.lines(found):
        console.print(Text(text, style=style))
    if folder is None and places.elsewhere():
        console.print(Text(places.elsewhere(), style="yellow"))
    _write(found, json, csv, gradescope)
    return found.ok


def _found(wanted, student, folder, secret=None, no_fence=False):
    if folder is None:
        return loop.grade(wanted, student)
    from tinyft.grading.classroom import secret as secrets
    from tinyft.grading.classroom import submissions

    how = {"secret": secrets.read(secret), "no_fence": no_fence}
    return submissions.grade_one(Path(folder), wanted, student, **how)


def _write(found, json, csv, gradescope):
    if json:
        files.write(json, files.as_json(found.as_json()))
    if csv:
        files.write(csv, report.as_csv(report.check_rows(found)))
    if gradescope:
        files.write(gradescope, files.as_json(report.as_gradescope(found)))


def link(path, text=None):
    """A path, or another text, that a terminal opens the file with on a click."""
    path = Path(path)
    said = str(places.short(path)) if text is None else text
    return Text(said, style=f"link {path.resolve().as_uri()}")


def list_tasks(console=None, wanted=()):
    """Every task, or those wanted, with its score so far, a link to its file, a bar.

    The next task is the open one after the last with full marks.
    """
    found, console = loop.standings(wanted), console or Console()
    grid = Table(title="tinyft list")
    for title in ("task", "title", "points"):
        grid.add_column(title, no_wrap=title != "title")
    for one in found:
        points = f"{one.score:g}/{one.out_of:g}" if one.out_of else "-"
        label = link(one.task.answer, one.task.label)
        style = "green" if one.done else None
        grid.add_row(label, Text(one.task.title), points, style=style)
    console.print(grid)
    console.print(Text(bar(sum(one.done for one in found), len(found)), style="bold"))
    done = [one.task for one in found if one.done]
    task = loop.next_open(found, done[-1] if done else None)
    if task:
        console.print(Text("next: ").append_text(link(task.answer)))
    if places.elsewhere():
        console.print(Text(places.elsewhere(), style="yellow"))


def bar(done, total, width=40):
    """How far the course is: a bar that needs no colours, and in words."""
    full = done * width // total
    said = told(f"{done} of {total} tasks done")
    return f"{'█' * full}{'░' * (width - full)}  {said}"


def hint(wanted, console=None, again="the same command again"):
    """Print the hints seen so far and the next one."""
    task = loop.single(wanted)
    seen, left = loop.hint(task)
    console = console or Console()
    console.print(Text(f"{task.label}  {task.title}", style="bold"))
    for number, text in enumerate(seen, 1):
        console.print(Text(f" {number}. {text}"))
    said = f"{left} more: {again}" if left else "that was the last hint"
    console.print(Text(f" {told(said)}", style="dim"))


def reset(wanted, console=None):
    """Put the stub back; the learner's text is kept beside it."""
    task, console = loop.single(wanted), console or Console()
    kept = loop.reset(task)
    if kept:
        console.print(Text(told(f"your text is kept in {places.short(kept)}")))
    console.print(Text(told(f"{places.short(task.answer)} is as it was at the start")))


def solution(wanted):
    """Print what the solution does differently from the learner's text."""
    task, console = loop.single(wanted), Console()
    yours, ours = loop.solution(task)
    names = str(places.short(task.answer)), "the solution"
    lines = difflib.unified_diff(
        yours.splitlines(), ours.splitlines(), *names, lineterm=""
    )
    text = clean("\n".join(lines), keep="\n\t")
    if text:
        console.print(Syntax(text, "diff", theme="ansi_light", word_wrap=True))
    else:
        console.print(told("yours is the solution, word for word"))
