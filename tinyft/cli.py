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

Chapters = Annotated[list[str] | None, typer.Argument(help="09, l2sp or 09_l2sp")]
Tasks = Annotated[list[str] | None, typer.Argument(help="CHAPTER or CHAPTER/TASK")]
Json = Annotated[Path | None, typer.Option("--json", help="also write the result here")]
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


@app.command()
def course(
    names: Chapters = None,
    json: Json = None,
    out: Annotated[Path, typer.Option(help="executed copies and pages")] = Path(
        "build/course"
    ),
    seconds: Annotated[float, typer.Option(help="limit for each chapter")] = 600,
):
    """Execute chapters on real data, each checked against its closed form."""
    from tinyft.course.screen import course

    _exit(course(names or (), json, out, seconds))


@app.command()
def doctor(
    require_gpu: Annotated[bool, typer.Option(help="exit 1 when no GPU works")] = False,
):
    """Say what is installed, which backend runs, and what is missing."""
    from tinyft.course.doctor import doctor

    can_run, gpu = doctor()
    _exit(can_run and (gpu or not require_gpu))


@app.command()
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


@app.command()
def grade(
    tasks: Tasks = None,
    student: Student = "",
    json: Json = None,
    selftest: Annotated[bool, typer.Option(help="prove the grader itself")] = False,
):
    """Grade your answers; --selftest grades the grader."""
    from tinyft.grading import screen

    run = screen.selftest if selftest else screen.grade
    _exit(run(tasks or (), json) if selftest else run(tasks or (), json, student))


@app.command()
def hint(task: Annotated[str, typer.Argument(help="CHAPTER/TASK")]):
    """The next hint of a task: each call tells a little more."""
    from tinyft.grading import screen

    screen.hint(task)


@app.command(name="list")
def list_tasks():
    """The tasks, their points, and the file to open."""
    from tinyft.grading import screen

    screen.list_tasks()


@app.command()
def reset(
    task: Annotated[str, typer.Argument(help="CHAPTER/TASK")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
):
    """Put a task's file back as it was at the start; your text is kept beside it."""
    from tinyft.grading import screen

    if not yes:
        typer.confirm(f"Put {task} back to its start?", abort=True)
    screen.reset(task)


def _exit(ok):
    raise typer.Exit(0 if ok else 1)


def main():
    """Run the command; an error that the user can mend is one sentence."""
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
