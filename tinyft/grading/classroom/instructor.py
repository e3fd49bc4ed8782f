"""What `tinyft start`, `release` and `grade --submissions` show."""

from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tinyft.grading import exercise
from tinyft.grading.classroom import items, report, submissions
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import workspace


def start(folder, wanted=()):
    """Make a learner's workspace and say how to go on."""
    written, kept = workspace.start(folder, wanted)
    console, count = Console(), len(written)
    left = f"; {len(kept)} were there and are as they were" if kept else ""
    console.print(Text(f"{count} files written to {folder}{left}"))
    console.print(Text(f"next: cd {folder}, then tinyft list or tinyft watch"))


def release(folder=None, wanted=(), gradescope=None):
    """Write the students' folder, Gradescope's autograder.zip, or both."""
    if folder is None and gradescope is None:
        raise GradingError(
            "tinyft release needs a folder to make, or --gradescope FILE.zip, or both"
        )
    console = Console()
    if folder is not None:
        count = len(workspace.release(folder, wanted))
        said = f"{count} files for students in {folder}: no solution is among them"
        console.print(Text(said))
    if gradescope is not None:
        count = len(workspace.autograder(gradescope, wanted))
        console.print(Text(f"{count} files in {gradescope}: upload it to Gradescope"))


def grade_submissions(folder, wanted=(), out="grades", jobs=report.JOBS):
    """Grade a folder of submissions, write OUT, print the item statistics."""
    console, tasks = Console(), exercise.choose(wanted, exercise.find_tasks())
    total, counts = len(submissions.students(folder)), {True: 0, False: 0}
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        shown = bar.add_task("grading", total=total)

        def heard(student, found, fresh):
            counts[fresh] += 1
            bar.update(shown, advance=1, description=student[:30])
            if found.problem:
                bar.console.print(Text(f"{student}: {found.problem}", style="red"))

        found = submissions.grade_all(folder, out, tasks, jobs, heard)
    console.print(table(submissions.write_tables(found, tasks, out)))
    kept = f", {counts[False]} kept from before" if counts[False] else ""
    console.print(f"{total} submissions: {counts[True]} graded now{kept}")
    names = "grades.csv, items.csv, reports/"
    console.print(Text(f"in {Path(out)}: {names}"))
    return True


def table(found):
    """The item statistics."""
    grid = Table(title="item statistics")
    titles = "task,right,mean score,discrimination,most frequent mistakes"
    for title in titles.split(","):
        number = title in ("right", "mean score", "discrimination")
        grid.add_column(title, justify="right" if number else "left", overflow="fold")
    for item in found:
        r = item["discrimination"]
        share, mean = f"{item['right']:.0%}", f"{item['mean score']:.0%}"
        told = "-" if r is None else f"{r:+.2f}"
        cells = item["task"], share, mean, told, items.mistakes(item)
        grid.add_row(*map(Text, cells))
    return grid
