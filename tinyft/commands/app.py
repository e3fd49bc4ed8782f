"""The application that the commands register with, and the options they share."""

from pathlib import Path
from typing import Annotated

import typer

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


def option(panel, kind, text, *names):
    """The annotation of an option; `panel` is the box of the help it stands in."""
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel=panel)]


def leave(ok):
    """End the command, with 0 when all is well and 1 otherwise."""
    raise typer.Exit(0 if ok else 1)
