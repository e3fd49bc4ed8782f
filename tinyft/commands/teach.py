"""`tinyft release`: what students get."""

from pathlib import Path
from typing import Annotated

import typer

from tinyft.commands.app import TEACH, Tasks, app, option


@app.command(rich_help_panel=TEACH)
def release(
    folder: Annotated[Path | None, typer.Argument(help="a new folder")] = None,
    tasks: Tasks = None,
    gradescope: option("Options", Path | None, "write autograder.zip here") = None,
    secret: option("Options", Path | None, "the file of the seeds' secret") = None,
):
    """What students get: stubs and notebooks; and a secret that they do not get."""
    from tinyft.grading.classroom import instructor

    instructor.release(folder, tasks or (), gradescope, secret)
