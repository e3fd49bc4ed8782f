"""`tinyft start`: a folder of the learner's own.

    DIR/tinyft-workspace.toml     tinyft finds the workspace by this file
    DIR/notebooks/                copies
    DIR/exercises/NN_name/        stubs; no graders, hints or solutions beside them
    DIR/progress.json             made by the first grading

What is there already is never touched, so the same command adds what a newer version
of the package brings.
"""

from pathlib import Path

import tinyft
from tinyft.grading import exercise, files, places
from tinyft.grading.exercise import GradingError

MARKED = """# A learner's workspace; tinyft finds it by this file. Everything here is yours.
# Graders, hints and stubs are the installed package's; tinyft start adds what is missing.
made_by = "tinyft {version}"
"""
PRIVATE = {"solutions", "wrong_answers.py", "__pycache__", ".ipynb_checkpoints"}


def start(folder, wanted=()):
    """Make a learner's workspace; returns (paths written, paths left alone)."""
    folder, source = Path(folder).expanduser(), course()
    _may_hold(folder, source)
    return _write_all(folder, contents(source, wanted))


def course():
    """The folder that workspaces are copied from: TINYFT_HOME's, or the package's."""
    for folder in places.roots():
        if not places.is_workspace(folder) and exercise.find_tasks(folder):
            return folder
    raise GradingError(
        f"there is no course to copy: {places.library()} holds no exercises. Install "
        "tinyft again, or set TINYFT_HOME to its repository"
    )


def _may_hold(folder, source):
    if folder.exists() and not folder.is_dir():
        raise GradingError(f"{folder} is a file: name a folder that is new or yours")
    inside = folder.resolve()
    own = [source.resolve() / part for part in places.PARTS]
    if inside == source.resolve() or any(p in (inside, *inside.parents) for p in own):
        raise GradingError(f"{folder} is the course itself: name a folder of your own")


def contents(source, wanted=()):
    """{relative path: text or bytes} of a workspace made from a course."""
    tasks = exercise.choose(wanted, exercise.find_tasks(source))
    found = {places.MARKER: MARKED.format(version=tinyft.__version__)}
    for task in tasks:
        inner = Path("exercises", task.chapter)
        found[inner / f"{task.name}.py"] = exercise.start_text(task)
    chapters = {task.chapter for task in tasks} if wanted else None
    return found | dict(_notebooks(source / "notebooks", chapters))


def _notebooks(folder, chapters):
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        hidden = any(p.startswith(".") or p in PRIVATE for p in inner.parts)
        other = chapters is not None and path.stem not in chapters
        if path.is_file() and not hidden and not (other and path.suffix == ".ipynb"):
            yield Path("notebooks") / inner, path.read_bytes()


def _write_all(folder, found):
    written, kept = [], []
    for inner, content in found.items():
        path = folder / inner
        if path.exists() or path.is_symlink():
            kept.append(path)
            continue
        files.write(path, content)
        written.append(path)
    return written, kept
