"""`tinyft start, list, watch, grade, hint, solution, reset`: the exercises."""

from pathlib import Path
from typing import Annotated

import typer

from tinyft.commands.app import (
    LEARN,
    TEACH,
    Json,
    Student,
    Task,
    Tasks,
    app,
    leave,
    option,
)


@app.command(rich_help_panel=LEARN)
def start(folder: Path, tasks: Tasks = None):
    """Make a folder of your own: notebooks, exercises, progress. Overwrites nothing."""
    from tinyft.grading.classroom import instructor

    instructor.start(folder, tasks or ())


@app.command(name="list", rich_help_panel=LEARN)
def list_tasks(tasks: Tasks = None):
    """The tasks, their points, the file to open, and how far you are."""
    from tinyft.grading.learner import screen

    screen.list_tasks(wanted=tasks or ())


@app.command(rich_help_panel=LEARN)
def watch(tasks: Tasks = None, student: Student = ""):
    """Grade again whenever you save; one key for a hint or the next task."""
    from tinyft.grading.learner.watch import watch

    watch(tasks or (), student)


_Out = option(TEACH, Path, "folder of the tables and reports of --submissions")
_Jobs = option(TEACH, int, "submissions graded side by side", "--jobs", "-j")
_Secret = option(TEACH, Path | None, "the secret of the seeds, from tinyft release")
_Executor = option(TEACH, str, "threads, processes, dask:ADDRESS, package.module:Name")
_NoFence = option(TEACH, bool, "grade others' files without a fence", "--no-fence")


@app.command(rich_help_panel=LEARN)
def grade(
    tasks: Tasks = None,
    student: Student = "",
    json: Json = None,
    csv: option("Options", Path | None, "a row for every check") = None,
    gradescope: option(TEACH, Path | None, "write Gradescope's results.json") = None,
    submission: option(TEACH, Path | None, "grade the files in this folder") = None,
    submissions: option(TEACH, Path | None, "a folder for every student in it") = None,
    out: _Out = Path("grades"),
    jobs: _Jobs = 2,
    executor: _Executor = "threads",
    secret: _Secret = None,
    no_fence: _NoFence = False,
    selftest: option(TEACH, bool, "prove the graders", "--selftest") = False,
    mutants: option(TEACH, bool, "attack the graders blindly", "--mutants") = False,
):
    """Grade your answers; exits with 0 only on full marks.

    tinyft grade 09_l2sp grades a chapter, tinyft grade 09_l2sp/closed_form one task.
    """
    from tinyft.grading.classroom import instructor
    from tinyft.grading.learner import screen
    from tinyft.grading.proof import proofs

    wanted = tasks or ()
    if selftest or mutants:
        leave((proofs.selftest if selftest else proofs.mutants)(wanted, json))
    how = {"secret": secret, "no_fence": no_fence}
    if submissions:
        how |= {"jobs": jobs, "executor": executor}
        leave(instructor.grade_submissions(submissions, wanted, out, **how))
    how |= {"folder": submission}
    leave(screen.grade(wanted, student, json, csv, gradescope, **how))


@app.command(rich_help_panel=LEARN)
def hint(task: Task):
    """The next hint of a task: each call tells a little more."""
    from tinyft.grading.learner import screen

    screen.hint(task)


@app.command(rich_help_panel=LEARN)
def solution(task: Task):
    """What ours does differently from yours, once you have full marks."""
    from tinyft.grading.learner import screen

    screen.solution(task)


@app.command(rich_help_panel=LEARN)
def reset(
    task: Task,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
):
    """Put a task's file back as it was at the start; your text is kept beside it."""
    from tinyft.grading.learner import screen

    if not yes:
        typer.confirm(f"Put {task} back to its start?", abort=True)
    screen.reset(task)


@app.command(rich_help_panel=LEARN)
def certificate(
    name: option("Options", str, "your name, as it should stand there", "--name"),
    out: option("Options", Path, "the folder to write to", "--out") = Path(),
):
    """Write certificate.svg and certificate.pdf from your progress: no server, unsigned."""
    from tinyft.grading.learner.certificate import certificate

    for path in certificate(name, out):
        print(f"wrote {path}")
