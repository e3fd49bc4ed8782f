"""Where the course lies: which folder's notebooks/ and exercises/ are meant.

    TINYFT_HOME                                  says so outright
    a learner's workspace                        this folder or a parent with the marker
    the package's own course                     its repository, or a copy in the wheel

A workspace holds the learner's files only; their tests, and the solutions that stubs
are made from, always come from the package's own course (`library`).
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PACKAGE_PARENT = PACKAGE.parent
MATERIAL = PACKAGE / "course" / "material"  # made when a wheel is built (setup.py)
MARKER = "tinyft-workspace.toml"
PARTS = ("exercises", "notebooks")


def library():
    """The folder of the package's own course."""
    return MATERIAL if MATERIAL.is_dir() else PACKAGE_PARENT


def workspace(start=None):
    """The nearest folder, from `start` (the current one) up, with the marker; or None.

    A current folder that was deleted has no workspace.
    """
    try:
        here = Path(start or Path.cwd()).resolve()
    except FileNotFoundError:
        return None
    return next((one for one in (here, *here.parents) if is_workspace(one)), None)


def is_workspace(folder):
    """True when `tinyft start` or `tinyft release` made this folder."""
    return (Path(folder) / MARKER).is_file()


def roots():
    """The folders to look in, in order; the first that holds what is sought wins."""
    home, mine = os.environ.get("TINYFT_HOME"), workspace()
    chosen = [Path(home)] if home else []
    return chosen + ([mine] if mine else []) + [library()]


def elsewhere():
    """A sentence when the course meant is neither here nor above; else ""."""
    if os.environ.get("TINYFT_HOME") or workspace() or not library().is_dir():
        return ""
    try:
        here = Path.cwd().resolve()
    except FileNotFoundError:
        return ""
    if library().resolve() in (here, *here.parents):
        return ""
    return f"this folder is in no workspace, so the course in {library()} is meant"


def short(path):
    """A path as one would type it here: relative to the current folder when below it."""
    try:
        return Path(path).relative_to(Path.cwd())
    except (ValueError, FileNotFoundError):
        return Path(path)
