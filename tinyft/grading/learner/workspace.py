"""`tinyft start` and `tinyft release`: a folder of the learner's own.

    DIR/tinyft-workspace.toml     tinyft finds the workspace by this file
    DIR/notebooks/                copies
    DIR/exercises/NN_name/        stubs, public tests, hints; no solutions
    DIR/progress.json             made by the first grading

What is there already is never touched, so the same command adds what a newer version
of the package brings.
"""

import zipfile
from pathlib import Path

import tinyft
from tinyft.grading import exercise, files, places
from tinyft.grading.exercise import GradingError

MARKED = """# A learner's workspace; tinyft finds it by this file. Everything here is yours.
# Graders and stubs come from the installed package; tinyft start adds what is missing.
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
        found[inner / task.test.name] = exercise.read_source(task.test)
        hints = task.folder / "hints.toml"
        if hints.exists():
            found[inner / hints.name] = exercise.read_source(hints)
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


def release(folder, wanted=()):
    """Make what students get: a workspace in a new folder; returns the paths written."""
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise GradingError(f"{folder} is not empty: a release is made in a new folder")
    written, _ = start(folder, wanted)
    return written


SETUP = """#!/usr/bin/env bash
# Python 3.11 or newer and what the grader needs, in an environment of its own.
set -euo pipefail
root=${AUTOGRADER:-/autograder}
python=${PYTHON:-}
if [ -z "$python" ]; then
    apt-get update
    apt-get install -y python3.12-venv || apt-get install -y python3.11-venv
    python=$(command -v python3.12 || command -v python3.11)
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install "numpy>=2" "rich>=13" "typer>=0.12" "pytest>=8"
"""

RUN = """#!/usr/bin/env bash
# Grades /autograder/submission; results.json is written whatever happens.
root=${AUTOGRADER:-/autograder}
python=${PYTHON:-$root/venv/bin/python}
export TINYFT_HOME=$root/source PYTHONPATH=$root/source
student=$("$python" - "$root/submission_metadata.json" <<'END'
import json, sys
try:
    users = json.load(open(sys.argv[1], encoding="utf-8"))["users"]
    print("+".join(sorted(str(user["email"]) for user in users)))
except (OSError, ValueError, KeyError, TypeError):
    print("")
END
)
cd "$root/source"
"$python" -m tinyft grade TASKS --submission "$root/submission" \\
    --student "$student" --gradescope "$root/results/results.json"
exit 0
"""


def autograder(path, wanted=()):
    """Write Gradescope's autograder.zip: this tinyft, the tests, two scripts."""
    source = course()
    tasks = exercise.choose(wanted, exercise.find_tasks(source))
    names = " ".join(task.label for task in tasks) if wanted else ""
    found = {"setup.sh": SETUP, "run_autograder": RUN.replace("TASKS ", names + " ")}
    for inner in _package():
        found[inner.as_posix()] = (places.PACKAGE_PARENT / inner).read_bytes()
    for inner, content in contents(source, wanted).items():
        if Path(inner).parts[0] == "exercises":
            found[Path(inner).as_posix()] = content

    def fill(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in found.items():
                entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                mode = 0o755 if name in ("setup.sh", "run_autograder") else 0o644
                entry.external_attr = (0o100000 | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)

    files.write(path, fill)
    return sorted(found)


def _package():
    """The package's own files, relative to its parent; not the material in a wheel."""
    for path in sorted(places.PACKAGE.rglob("*")):
        private = places.MATERIAL in path.parents or PRIVATE & set(path.parts)
        if path.is_file() and path.suffix != ".pyc" and not private:
            yield path.relative_to(places.PACKAGE_PARENT)
