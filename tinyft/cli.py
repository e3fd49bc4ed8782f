"""The command line: names to objects, nothing else."""

import sys
from pathlib import Path
from typing import Annotated

try:
    import rich  # noqa: F401
    import typer
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"tinyft's commands need {missing.name}, which is not installed: "
        'python -m pip install "tinyft[course]"'
    ) from None

import tinyft

app = typer.Typer(
    name="tinyft",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LEARN, PROVE, TEACH = "Your exercises", "The course", "For instructors"

Chapters = Annotated[list[str] | None, typer.Argument(help="09, l2sp or 09_l2sp")]
Tasks = Annotated[list[str] | None, typer.Argument(help="CHAPTER or CHAPTER/TASK")]
Task = Annotated[str, typer.Argument(help="CHAPTER/TASK, or the task's name alone")]
Json = Annotated[Path | None, typer.Option("--json", help="also write the result here")]
Side = Annotated[int, typer.Option(help="how many side by side, 0: two")]
Student = Annotated[str, typer.Option(help="ID from which the data are drawn")]


def _version(wanted: bool):
    if wanted:
        print(f"tinyft {tinyft.__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version)] = False,
):
    """Every fine-tuning method, small enough to read, proved in closed form."""


@app.command(rich_help_panel=LEARN)
def start(folder: Path, tasks: Tasks = None):
    """Make a folder of your own: notebooks, exercises, progress. Overwrites nothing."""
    from tinyft.grading.classroom import instructor

    instructor.start(folder, tasks or ())


@app.command(name="list", rich_help_panel=LEARN)
def list_tasks():
    """The tasks, their points, the file to open, and how far you are."""
    from tinyft.grading.learner import screen

    screen.list_tasks()


@app.command(rich_help_panel=LEARN)
def watch(tasks: Tasks = None, student: Student = ""):
    """Grade again whenever you save; one key for a hint or the next task."""
    from tinyft.grading.learner.watch import watch

    watch(tasks or (), student)


def _option(panel, kind, text, *names):
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel=panel)]


_Out = _option(TEACH, Path, "folder of the tables and reports of --submissions")
_Jobs = _option(TEACH, int, "submissions graded side by side", "--jobs", "-j")
_Secret = _option(TEACH, Path | None, "the secret of the seeds, from tinyft release")
_Executor = _option(TEACH, str, "threads, processes, dask:ADDRESS, package.module:Name")
_NoFence = _option(TEACH, bool, "grade others' files without a fence", "--no-fence")


@app.command(rich_help_panel=LEARN)
def grade(
    tasks: Tasks = None,
    student: Student = "",
    json: Json = None,
    csv: _option("Options", Path | None, "a row for every check") = None,
    gradescope: _option(TEACH, Path | None, "write Gradescope's results.json") = None,
    submission: _option(TEACH, Path | None, "grade the files in this folder") = None,
    submissions: _option(TEACH, Path | None, "a folder for every student in it") = None,
    out: _Out = Path("grades"),
    jobs: _Jobs = 2,
    executor: _Executor = "threads",
    secret: _Secret = None,
    no_fence: _NoFence = False,
    selftest: _option(TEACH, bool, "prove the graders", "--selftest") = False,
    mutants: _option(TEACH, bool, "attack the graders blindly", "--mutants") = False,
):
    """Grade your answers; exits with 0 only on full marks.

    tinyft grade 09_l2sp grades a chapter, tinyft grade 09_l2sp/closed_form one task.
    """
    from tinyft.grading.classroom import instructor
    from tinyft.grading.learner import screen
    from tinyft.grading.proof import proofs

    wanted = tasks or ()
    if selftest or mutants:
        _exit((proofs.selftest if selftest else proofs.mutants)(wanted, json))
    how = {"secret": secret, "no_fence": no_fence}
    if submissions:
        how |= {"jobs": jobs, "executor": executor}
        _exit(instructor.grade_submissions(submissions, wanted, out, **how))
    how |= {"folder": submission}
    _exit(screen.grade(wanted, student, json, csv, gradescope, **how))


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


@app.command(rich_help_panel=TEACH)
def release(
    folder: Annotated[Path | None, typer.Argument(help="a new folder")] = None,
    tasks: Tasks = None,
    gradescope: _option("Options", Path | None, "write autograder.zip here") = None,
    secret: _option("Options", Path | None, "the file of the seeds' secret") = None,
):
    """What students get: stubs and notebooks; and a secret that they do not get."""
    from tinyft.grading.classroom import instructor

    instructor.release(folder, tasks or (), gradescope, secret)


@app.command(rich_help_panel=PROVE)
def course(
    names: Chapters = None,
    json: Json = None,
    out: _option("Options", Path, "executed copies, pages") = Path("build/course"),
    seconds: Annotated[float, typer.Option(help="limit for each chapter")] = 600,
    jobs: Side = 0,
):
    """Execute chapters on real data, each checked against its closed form."""
    from tinyft.course.run import screen

    _exit(screen.course(names or (), json, out, seconds, jobs=jobs))


@app.command(rich_help_panel=PROVE)
def faults(
    names: Chapters = None,
    sample: Annotated[int, typer.Option(help="drawn beside those by hand")] = 10,
    every: Annotated[bool, typer.Option("--all", help="all that can be drawn")] = False,
    seed: Annotated[int, typer.Option(help="of the draw")] = 0,
    core: _option("Options", bool, "cells before Proofs", "--core") = False,
    json: Json = None,
    jobs: Side = 0,
):
    """Plant faults in copies of a chapter's library: does its notebook notice?"""
    from tinyft.course.faults.screen import faults

    _exit(faults(names or (), None if every else sample, seed, core, json, jobs))


@app.command(rich_help_panel=PROVE)
def doctor(require_gpu: _option("Options", bool, "exit 1 when no GPU works") = False):
    """Say what is installed, which backend runs, and what is missing."""
    from tinyft.course.doctor import doctor

    can_run, gpu = doctor()
    _exit(can_run and (gpu or not require_gpu))


@app.command(rich_help_panel=PROVE)
def pretrain(
    name: Annotated[str, typer.Argument(help="the checkpoint's name")],
    out: Annotated[Path | None, typer.Option(help="folder for the checkpoint")] = None,
):
    """Make one of the course's own checkpoints again."""
    from tinyft.training.pretrain import NAMES, pretrain

    if name not in NAMES:
        names = ", ".join(sorted(NAMES))
        raise LookupError(f"there is no checkpoint {name!r}; there are: {names}")
    pretrain(name, out=out)


@app.command(rich_help_panel=PROVE)
def study(
    chapter: Annotated[str, typer.Argument(help="its number: 15 or 15b")],
):
    """Run a chapter's long experiments again; what is recorded is not repeated."""
    from tinyft.course.runs import study

    study(chapter)


@app.command(rich_help_panel=PROVE)
def bench(
    workload: Annotated[str, typer.Option(help="T,T2,T2lora,R,R8,S (all)")] = "",
    peers: _option("Options", str, "the first is the reference") = "torch,tinyft",
    rounds: Annotated[int, typer.Option(help="alternations, 9 or more")] = 9,
    threads: Annotated[int, typer.Option(help="BLAS threads on all sides")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or cuda for tinyft")] = "cpu",
    json: Json = None,
):
    """Time training steps beside PyTorch and others, in alternation."""
    from tinyft.course.run.bench import bench

    _exit(bench(workload, peers, rounds, threads, device, json) == 0)


def _exit(ok):
    raise typer.Exit(0 if ok else 1)


def main():
    """Run the command; an error that the user can mend is one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal whose encoding has no λ
    try:
        app()
    except KeyboardInterrupt:
        _stop("stopped", 130)
    except Exception as error:
        if not _for_the_user(error):
            raise
        _stop(str(error.args[0] if isinstance(error, LookupError) else error), 1)


def _for_the_user(error):
    named = type(error).__name__ in ("CourseError", "GradingError")
    return named or isinstance(error, (LookupError, OSError, ModuleNotFoundError))


def _stop(sentence, code):
    from rich.console import Console

    console = Console(stderr=True)
    console.print(sentence, style="red", markup=False, highlight=False)
    sys.exit(code)
