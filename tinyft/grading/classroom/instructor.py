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

from tinyft.grading import exercise, workspace
from tinyft.grading.check.explain import clean
from tinyft.grading.classroom import handed, items, names, submissions
from tinyft.grading.classroom import release as releases
from tinyft.grading.classroom import secret as secrets
from tinyft.grading.sandbox.fence import SAID

PUBLIC = (
    "without --secret the seeds follow from the IDs: an answer may carry the numbers of "
    "its own draw"
)


def start(folder, wanted=()):
    """Make a learner's workspace and say how to go on."""
    written, kept = workspace.start(folder, wanted)
    console, count = Console(), len(written)
    left = f"; {len(kept)} were there and are as they were" if kept else ""
    console.print(Text(f"{count} files written to {folder}{left}"))
    console.print(Text(f"next: cd {folder}, then tinyft list or tinyft watch"))


def release(folder=None, wanted=(), gradescope=None, secret=None):
    """Write the students' folder, Gradescope's autograder.zip, or both."""
    for sentence in releases.release(folder, wanted, gradescope, secret):
        Console().print(Text(sentence))


def grade_submissions(folder, wanted=(), out="grades", secret=None, **how):
    """Grade a folder of submissions, write OUT, print the item statistics.

    how: jobs, executor, no_fence (submissions.grade_all).
    """
    console, tasks = Console(), exercise.choose(wanted, exercise.find_tasks())
    how |= {"secret": secrets.read(secret)}
    total, counts = len(handed.hand_ins(folder, tasks)), {True: 0, False: 0}
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("grading", total=total)

        def heard(student, found, fresh):
            counts[fresh] += 1
            name = names.shown(student)
            bar.update(task, advance=1, description=name[:30])
            if found.problem:
                said = f"{name}: {clean(found.problem)}"
                bar.console.print(Text(said, style="red"))

        found = submissions.grade_all(folder, out, tasks, heard, **how)
    console.print(table(submissions.write_tables(found, tasks, out)))
    kept = f", {counts[False]} kept from before" if counts[False] else ""
    console.print(f"{total} submissions: {counts[True]} graded now{kept}")
    fences = sorted({SAID[one.fence] for one in found if one.fence})
    console.print(Text(f"answers ran behind: {'; '.join(fences) or 'nothing'}"))
    if not how["secret"]:
        console.print(Text(PUBLIC, style="yellow"))
    console.print(Text(f"in {Path(out)}: grades.csv, items.csv, reports/"))
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
